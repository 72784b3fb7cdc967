"""Everything the pipeline's template needs; the page and its stream ask for the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.schema.delivery import DeliveryStatus
from pipeline.schema.topics import EVENTS_LOG
from pipeline.store.client import StoreClient
from web.database.engine import Database
from web.operations.accounting import Accountant
from web.operations.flow import Losses, source_lines
from web.operations.log_watch import LogWatch
from web.operations.overview import Overview, overview
from web.operations.standing import Standing, Watch
from web.rendering.charts import spark
from web.rendering.figures import RoleLine, role_lines
from web.rendering.log_trouble import log_trouble
from web.rendering.overview_charts import called
from web.rendering.words import figure, per_second_figure, short
from web.security.tokens import list_tokens
from web.settings import WebSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One step on the way from a source to a notification.

    Attributes:
        dot: How the role is that does it.
        figure, unit: What passes there.
        below: What waits there, or was lost.
        is_troubled: Whether ``below`` should catch the eye.
    """

    name: str
    dot: str
    figure: str
    unit: str
    below: str
    is_troubled: bool = False


async def pipeline_values(
    losses: Losses,
    *,
    settings: WebSettings,
    store: StoreClient,
    log: LogWatch,
    accountant: Accountant,
    database: Database,
    watch: Watch,
) -> dict[str, Any]:
    """The blocks' values, ``now``, ``zone`` and ``standing`` among them."""
    now, zone = datetime.now(UTC), ZoneInfo(settings.time_zone)
    found = await overview(store, log, accountant, database, now)
    tokens = await database.run(list_tokens)
    roles = role_lines(found, watch.standing)
    return {
        "now": now,
        "zone": zone,
        "standing": watch.standing,
        "found": found,
        "losses": losses,
        "roles": roles,
        "sources": source_lines(found),
        "trouble": log_trouble(found.log) if found.log else None,
        "stations": stations(found, losses, roles, watch.standing),
        "spark": spark,
        "called": called,
        "names": {token.id: token.name for token in tokens},
    }


def stations(
    found: Overview, losses: Losses, roles: list[RoleLine], standing: Standing
) -> tuple[Station, ...]:
    """From sources to notifications. Pure."""
    by_name = {role.name.lower(): role for role in roles}
    dots = {name: role.dot for name, role in standing.roles.items()}
    return (
        _sources(found),
        _passing("Collectors", "collectors", found.rate, "into the log", dots),
        _log(found, standing.log_dot),
        _reading("Detections", "detections", by_name.get("detections"), dots),
        _reading("Store", "store", by_name.get("sinks"), dots),
        _notifications(losses, dots),
    )


def _sources(found: Overview) -> Station:
    quiet = len(found.quiet)
    return Station(
        name="Sources",
        dot="silent" if found.heard is None else "late" if quiet else "ok",
        figure="–" if found.heard is None else figure(len(found.heard)),
        unit="heard in 24 h",
        below="not known" if found.heard is None else f"{quiet} quiet" if quiet else "none quiet",
        is_troubled=quiet > 0,
    )


def _log(found: Overview, dot: str) -> Station:
    """The log: how its copies are; while they are well, what it keeps."""
    events = found.log.topic(EVENTS_LOG) if found.log else None
    below = f"{short(events.records)} log events kept" if events else "not known"
    is_troubled = False
    if found.log is not None and (found.log.offline or found.log.under_replicated):
        is_troubled = True
        offline, lacking = found.log.offline, found.log.under_replicated
        below = f"{figure(offline)} offline" if offline else f"{figure(lacking)} lack a copy"
        below = f"{below}, of {figure(len(found.log.partitions))} partitions"
    return Station(
        name="Log",
        dot=dot,
        figure="–" if found.rate is None else per_second_figure(found.rate),
        unit="/s",
        below=below,
        is_troubled=is_troubled,
    )


def _passing(
    name: str, role: str, rate: float | None, below: str, dots: Mapping[str, str]
) -> Station:
    """A station that something passes, so many a second."""
    return Station(
        name=name,
        dot=dots.get(role, "silent"),
        figure="–" if rate is None else per_second_figure(rate),
        unit="/s",
        below=below,
    )


def _reading(name: str, role: str, line: RoleLine | None, dots: Mapping[str, str]) -> Station:
    """A station that reads the log: how far it is behind."""
    lag = line.lag if line else None
    below = "lag not known" if lag is None else f"{figure(lag)} behind"
    return _passing(name, role, line.rate if line else None, below, dots)


def _notifications(losses: Losses, dots: Mapping[str, str]) -> Station:
    """What destinations were told; the sinks tell them."""
    retrying = losses.delivered(DeliveryStatus.RETRYING)
    failed = losses.delivered(DeliveryStatus.FAILED)
    known = losses.deliveries is not None
    return Station(
        name="Notifications",
        dot=dots.get("sinks", "silent"),
        figure=figure(losses.delivered(DeliveryStatus.DELIVERED)) if known else "–",
        unit="in 24 h",
        below=f"{figure(retrying)} retrying, {figure(failed)} failed" if known else "not known",
        is_troubled=bool(retrying or failed),
    )
