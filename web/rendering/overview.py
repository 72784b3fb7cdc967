"""Everything the overview's template needs; the page and its stream ask for the same."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.errors import PipelineError
from pipeline.schema.alert import LEVELS
from pipeline.store.client import StoreClient
from pipeline.store.queries.alerts import AlertFilter
from web.database.engine import Database
from web.investigate import TriagedAlert, open_by_level, triaged
from web.operations.accounting import Accountant
from web.operations.log_watch import LogWatch
from web.operations.overview import overview
from web.operations.standing import Watch
from web.rendering.figures import draw
from web.rendering.log_trouble import log_trouble
from web.rendering.overview_charts import called
from web.security.tokens import list_tokens
from web.settings import WebSettings
from web.triage import State

SHOWN = 10
LOOKED_AT = 100


async def overview_values(
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
    names = {token.id: token.name for token in await database.run(list_tokens)}
    try:
        open_alerts = await open_by_level(store, database)
        needs = await needs_someone(store, database)
    except PipelineError:
        open_alerts, needs = None, None
    return {
        "now": now,
        "zone": zone,
        "standing": watch.standing,
        "organisation": settings.organisation,
        "found": found,
        "trouble": log_trouble(found.log) if found.log else None,
        "drawn": draw(found, watch.standing, zone, names),
        "called": called,
        "names": names,
        "levels": [level for level in reversed(LEVELS)],
        "open_alerts": open_alerts,
        "needs": needs,
    }


async def needs_someone(store: StoreClient, database: Database) -> list[TriagedAlert]:
    """Open alerts, the most severe first, then the oldest: at most ten."""
    found: list[TriagedAlert] = []
    for levels in (LEVELS[3:], LEVELS[:3]):
        page = await triaged(
            store, database, AlertFilter(levels=levels), state=State.OPEN, limit=LOOKED_AT
        )
        found += page.items
        if len(found) >= SHOWN:
            break
    found.sort(key=lambda one: (-LEVELS.index(one.alert.level), one.alert.time))
    return found[:SHOWN]
