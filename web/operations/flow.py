"""From sources to notifications: what each station handles, what it lost, what waits.

Like the overview, each part is asked for by itself; what did not answer is None.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.ledger import Terms
from pipeline.schema.delivery import Delivery, DeliveryStatus
from pipeline.store.client import StoreClient
from pipeline.store.queries.alerts import latest_deliveries
from pipeline.store.queries.events import Facets, facets
from pipeline.store.queries.ledger import StoredDeadLetter, dead_letters, dead_letters_by_reason
from pipeline.store.queries.overview import SourceActivity
from pipeline.store.queries.span import Span
from pipeline.store.search_language import parse
from web.operations.overview import Overview, QuietSource, or_none

SAMPLES = 200
DELIVERIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A source in the ledger's table.

    Attributes:
        terms: What came in of it, and what became of that.
        activity: How it was heard in the last day; None if it was not.
        quiet: How long it has been quiet; None while it speaks.
        sent: Events by stretch of the day, for its line; empty unless it is among the loudest.
    """

    source: str
    terms: Terms
    activity: SourceActivity | None
    quiet: QuietSource | None
    sent: Sequence[float]

    @property
    def state(self) -> tuple[str, str]:
        """How it looks, and in a word."""
        if self.quiet is not None:
            return self.quiet.state, self.quiet.state.capitalize()
        if self.activity is None:
            return "silent", "Not in 24 h"
        return ("ok", "Flowing") if self.activity.per_second else ("silent", "Resting")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedLine:
    """Dead letters of one reason and source, with a sample; counted among the newest."""

    reason: str
    source: str
    sample: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What did not get through; a part that did not answer is None.

    Attributes:
        parked: The newest dead letters by reason and source.
        parked_by_reason: How many dead letters there are.
        unparsed: Events of a day that no parser understood.
        deliveries: The last attempt of a day for each alert and destination.
    """

    parked: Sequence[ParkedLine] | None
    parked_by_reason: Mapping[str, int] | None
    unparsed: Facets | None
    deliveries: Sequence[Delivery] | None

    def delivered(self, status: DeliveryStatus) -> int:
        """How many alerts stand at that with a destination."""
        return sum(delivery.status is status for delivery in self.deliveries or ())


async def losses(store: StoreClient, span: Span) -> Losses:
    """All of them at once, over a day; this reads much, a live page asks for it seldom."""
    problems: list[str] = []
    letters, by_reason, unparsed, deliveries = await asyncio.gather(
        or_none(lambda: dead_letters(store, limit=SAMPLES), problems),
        or_none(lambda: dead_letters_by_reason(store), problems),
        or_none(lambda: facets(store, parse("parse_error:*"), span, ["source"]), problems),
        or_none(lambda: latest_deliveries(store, span, limit=DELIVERIES), problems),
    )
    return Losses(
        parked=None if letters is None else parked_lines(letters),
        parked_by_reason=by_reason,
        unparsed=unparsed,
        deliveries=deliveries,
    )


def source_lines(found: Overview) -> list[SourceLine]:
    """Every source of the ledger, what received most first. Pure."""
    if found.account is None:
        return []
    heard = {activity.source: activity for activity in found.heard or ()}
    quiet = {source.source: source for source in found.quiet}
    sent: dict[str, dict[datetime, int]] = {}
    if found.received is not None:
        for volume in found.received.volumes:
            sent.setdefault(volume.source, {})[volume.begin] = volume.events
    starts = found.stretches[:-1]  # the running one would look like a fall
    lines = [
        SourceLine(
            source=of.source,
            terms=of.terms,
            activity=heard.get(of.source),
            quiet=quiet.get(of.source),
            sent=[sent[of.source].get(start, 0) for start in starts] if of.source in sent else [],
        )
        for of in found.account.ledger.sources
    ]
    return sorted(lines, key=lambda line: (line.terms.missing == 0, -line.terms.received))


def parked_lines(letters: Sequence[StoredDeadLetter]) -> list[ParkedLine]:
    """The newest dead letters by reason and source, most first. Pure."""
    groups: dict[tuple[str, str], list[StoredDeadLetter]] = {}
    for letter in letters:
        groups.setdefault((letter.reason, letter.source), []).append(letter)
    lines = [
        ParkedLine(
            reason=reason,
            source=source,
            sample=of[0].value[:200].decode("utf-8", "replace"),
            records=len(of),
        )
        for (reason, source), of in groups.items()
    ]
    return sorted(lines, key=lambda line: -line.records)
