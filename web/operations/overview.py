"""Is it healthy, is data flowing, what fired: everything that the overview shows, in one value.

Each part is asked for by itself; what did not answer is absent, and the page says so, so that
with the store down the log and the roles are still there to be seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from pipeline.errors import PipelineError
from pipeline.schema.alert import LEVELS
from pipeline.schema.topics import EVENT_TOPICS
from pipeline.store.client import StoreClient
from pipeline.store.queries import alerts as alert_queries
from pipeline.store.queries.alerts import AlertFilter
from pipeline.store.queries.events import Histogram
from pipeline.store.queries.overview import SourceActivity, Volumes, sources, volumes
from pipeline.store.queries.span import Span
from web.database.engine import Database
from web.operations.accounting import Account, Accountant
from web.operations.log_watch import GroupState, LogState, LogWatch
from web.security.audit import AuditRecord, latest

log = structlog.get_logger()

T = TypeVar("T")

DAY = timedelta(hours=24)
HOURS = 24
QUARTERS = 96
DECISIONS = (
    "alert_acknowledged",
    "alert_closed",
    "alert_reopened",
    "alert_assigned",
    "rule_enabled",
    "rule_disabled",
    "destination_added",
    "destination_removed",
    "token_created",
    "token_revoked",
    "account_created",
)
DETECTIONS_GROUP = "tocsin-detections"
# A source is late after three of its usual gaps, and silent after ten.
LATE_GAPS, SILENT_GAPS = 3, 10
# How old a ledger may be that a page shows: counting reads every row that is kept.
LEDGER_AGE_SECONDS = 10.0
PATIENCE_SECONDS = 6.0
LEAST_STRETCHES, MOST_TELLING_STEP = 4, timedelta(minutes=10)
YOUNG = timedelta(hours=2)
LEAST_GAP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietSource:
    """A source that has not been heard for longer than is usual for it.

    Attributes:
        state: late or silent.
        silence: Since its last event.
        usual_gap: Between its events, on average over the minutes of a day.
    """

    source: str
    state: str
    silence: timedelta
    usual_gap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the overview shows; a part that did not answer is None.

    Attributes:
        span: The day it is about.
        fired: Alerts by hour and level.
        received: Events by quarter of an hour and source; by two minutes while there are no more
            than two hours of them.
        quiet: Sources late or silent, longest silence first.
        log: What the log holds, and who reads it how far.
        account: The ledger.
        decisions: What people decided last, newest first.
        problems: What did not answer, in words.
    """

    span: Span
    fired: Histogram | None
    received: Volumes | None
    heard: Sequence[SourceActivity] | None
    quiet: Sequence[QuietSource]
    log: LogState | None
    account: Account | None
    decisions: Sequence[AuditRecord]
    problems: Sequence[str]

    @property
    def rate(self) -> float | None:
        """Events a second that come in now."""
        if self.log is None:
            return None
        rates = [
            topic.rate
            for topic in self.log.topics
            if topic.name in EVENT_TOPICS.values() and topic.rate is not None
        ]
        return sum(rates) if rates else None

    @property
    def stretches(self) -> list[datetime]:
        """The begins of the stretches that events were counted by, silent ones too.

        The last is the one that runs; empty while the store does not answer.
        """
        if self.received is None:
            return []
        step = self.received.step
        whole = step * QUARTERS >= self.span.end - self.span.begin
        columns = QUARTERS if whole else YOUNG // step
        begin = floored(self.span.end - step * columns, step)
        return [begin + step * column for column in range(columns + 1)]

    @property
    def detections(self) -> GroupState | None:
        """How far the detectors have read."""
        return self.log.group(DETECTIONS_GROUP) if self.log else None

    @property
    def fired_by_level(self) -> Mapping[str, int]:
        """Alerts of the day, by level."""
        found = dict.fromkeys(LEVELS, 0)
        for bucket in self.fired.buckets if self.fired else ():
            for level, count in bucket.counts.items():
                found[level] += count
        return found


async def overview(
    store: StoreClient,
    log_watch: LogWatch,
    accountant: Accountant,
    database: Database,
    now: datetime,
) -> Overview:
    """Everything at once; never raises for a part that does not answer."""
    day = Span(now - DAY, now)
    problems: list[str] = []
    fired, received, heard, state, account = await asyncio.gather(
        or_none(
            lambda: alert_queries.histogram(store, AlertFilter(), day, buckets=HOURS), problems
        ),
        or_none(lambda: _received(store, now), problems),
        or_none(lambda: sources(store, day), problems),
        or_none(log_watch.look, problems),
        or_none(lambda: accountant.account(max_age_seconds=LEDGER_AGE_SECONDS), problems),
    )
    decisions = await database.run(latest, limit=5, actions=DECISIONS)
    return Overview(
        span=day,
        fired=fired,
        received=received,
        heard=heard,
        quiet=quiet_sources(heard or (), received, now),
        log=state,
        account=account,
        decisions=[record for _, record in decisions],
        problems=tuple(dict.fromkeys(problems)),
    )


async def _received(store: StoreClient, now: datetime) -> Volumes:
    """A day of volumes; of an installation younger than two hours, these in finer steps."""
    found = await volumes(store, Span(now - DAY, now), buckets=QUARTERS)
    young = all(volume.begin > now - YOUNG for volume in found.volumes)
    if found.volumes and young:
        return await volumes(store, Span(now - YOUNG, now), buckets=QUARTERS)
    return found


def quiet_sources(
    heard: Sequence[SourceActivity], received: Volumes | None, now: datetime
) -> list[QuietSource]:
    """Sources that have been silent for longer than is usual for them. Pure.

    The usual gap is what lies between two events on average while a source speaks: the stretches
    of the day in which it was heard, over its events; a minute at least. Who was heard in few
    stretches has no rhythm yet.
    """
    if received is None or received.step < MOST_TELLING_STEP:
        return []
    stretches: dict[str, int] = {}
    for volume in received.volumes:
        stretches[volume.source] = stretches.get(volume.source, 0) + 1
    quiet = []
    for activity in heard:
        if stretches.get(activity.source, 0) < LEAST_STRETCHES:
            continue
        spoken = received.step * stretches[activity.source]
        usual = max(spoken / max(activity.events, 1), LEAST_GAP)
        silence = now - activity.last_observed
        gaps = silence / usual
        if gaps > LATE_GAPS:
            quiet.append(
                QuietSource(
                    source=activity.source,
                    state="silent" if gaps > SILENT_GAPS else "late",
                    silence=silence,
                    usual_gap=usual,
                )
            )
    return sorted(quiet, key=lambda source: -source.silence)


def floored(time: datetime, step: timedelta) -> datetime:
    """The begin of the stretch that a time falls into; stretches are counted from the epoch."""
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(int(time.timestamp()) // seconds * seconds, UTC)


async def or_none(ask: Callable[[], Awaitable[T]], problems: list[str]) -> T | None:
    """An answer, or None and why; also when it takes longer than a page can wait.

    It asks itself: a page that goes before that leaves no question that nobody awaits.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await ask()
    except TimeoutError:
        log.warning("overview_part_late")
        problems.append("A part did not answer in time. It is shown as soon as it does.")
        return None
    except PipelineError as error:
        kind = type(error).__name__
        log.warning("overview_part_missing", error=kind, detail=str(error)[:300])
        problems.append(
            "The store did not answer. Nothing is lost: events wait in the log."
            if kind.startswith("Store")
            else "The log did not answer. Senders that wait for an acknowledgement keep waiting."
        )
        return None
