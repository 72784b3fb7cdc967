"""Events and alerts as pages and API ask for them: the store's rows with what people decided."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.errors import QueryInvalid
from pipeline.schema.alert import Alert
from pipeline.store.client import StoreClient
from pipeline.store.queries import alerts as alert_queries
from pipeline.store.queries import events as event_queries
from pipeline.store.queries.alerts import AlertFilter
from pipeline.store.queries.span import Cursor, Page, Span
from pipeline.store.rows import StoredEvent
from pipeline.store.search_language import parse
from web.database.engine import Database
from web.triage import AlertState, State, ids_in, states

_RELATIVE = re.compile(r"-(\d{1,6})(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = re.compile(r"-?\d{1,17}(\.\d{1,9})?")
# A number of seconds this large would lie in the year 5138: it counts milliseconds.
_FIRST_MILLISECONDS = 1e11
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # senders' clocks may be ahead of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class TriagedAlert:
    """An alert, and what people decided about it."""

    alert: Alert
    state: AlertState


def parse_time(text: str, now: datetime) -> datetime:
    """A time as people and programs write it.

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> parse_time("-15m", noon).isoformat(), parse_time("now", noon) == noon
    ('2026-03-01T11:45:00+00:00', True)
    >>> parse_time("1772366400", noon) == parse_time("1772366400000", noon) == noon
    True
    >>> parse_time("2026-03-01T13:00:00+01:00", noon) == noon
    True

    Raises:
        QueryInvalid: It is none of RFC 3339, seconds or milliseconds since the epoch, ``now``,
            and ``-15m`` with s, m, h, d or w.
    """
    text = text.strip()
    try:
        if text in ("", "now"):
            return now
        if relative := _RELATIVE.fullmatch(text):
            return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
        if _EPOCH.fullmatch(text):
            number = float(text)
            seconds = number / 1000 if abs(number) >= _FIRST_MILLISECONDS else number
            return EARLIEST + timedelta(seconds=seconds)
        # A plus sign that was not escaped in an address arrives as a blank.
        found = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", text))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise QueryInvalid(
            f"{text[:40]!r} is not a time:"
            " write 2026-11-22T14:06:11Z, seconds since 1970, -15m or now."
        ) from None


def span_of(begin: str | None, end: str | None, now: datetime) -> Span:
    """A range of time; what is left out does not bound it.

    Raises:
        QueryInvalid: One of them is not a time, or they are the wrong way round.
    """
    return Span(
        parse_time(begin, now) if begin else EARLIEST,
        parse_time(end, now) if end else now + AHEAD,
    )


async def search(
    store: StoreClient, text: str, span: Span, *, limit: int, after: str | None = None
) -> Page[StoredEvent]:
    """Events that match what an analyst typed, newest first.

    Raises:
        QueryInvalid: The text or the cursor cannot be read.
    """
    cursor = Cursor.parse(after) if after else None
    return await event_queries.search(store, parse(text), span, limit=limit, after=cursor)


async def triaged(
    store: StoreClient,
    database: Database,
    wanted: AlertFilter,
    *,
    state: State | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[TriagedAlert]:
    """Alerts with what stands for them, newest first.

    Args:
        state: Only alerts in it; None for any.
        after: A cursor of an earlier page.
    """
    wanted = await restricted(database, wanted, state)
    cursor = Cursor.parse(after) if after else None
    page = await alert_queries.alerts(store, wanted, limit=limit, after=cursor)
    return Page(tuple(await with_states(database, page.items)), page.next)


async def triaged_alert(
    store: StoreClient, database: Database, alert_id: str
) -> TriagedAlert | None:
    """One alert; None if there is none."""
    found = await alert_queries.alert(store, alert_id)
    return (await with_states(database, [found]))[0] if found else None


async def with_states(database: Database, alerts: Sequence[Alert]) -> list[TriagedAlert]:
    """Alerts with what stands for them, in the same order."""
    standing = await database.run(states, [alert.id for alert in alerts])
    return [TriagedAlert(alert=alert, state=standing[alert.id]) for alert in alerts]


async def open_by_level(
    store: StoreClient, database: Database, wanted: AlertFilter | None = None
) -> Mapping[str, int]:
    """How many alerts of each level are open."""
    wanted = await restricted(database, wanted or AlertFilter(), State.OPEN)
    return await alert_queries.count_by_level(store, wanted)


async def restricted(database: Database, wanted: AlertFilter, state: State | None) -> AlertFilter:
    """A filter that also asks for a state: the store knows none, so it is told the ids."""
    if state is None:
        return wanted
    if state is State.OPEN:
        taken = await database.run(ids_in, [State.ACKNOWLEDGED, State.CLOSED])
        return replace(wanted, not_ids=[*wanted.not_ids, *taken])
    in_state = await database.run(ids_in, [state])
    if wanted.ids is not None:
        in_state = [id for id in in_state if id in set(wanted.ids)]
    return replace(wanted, ids=in_state)
