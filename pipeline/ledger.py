"""The ledger: what came in, what became of it, and whether the two agree. Pure.

Every term is measured on its own; none is what is left over when the others are subtracted.

- **received**: what the log holds. For the ranges that sinks have handled, the records they read
  in them, one ledger row a batch, source and day, written under the batch's intent; what nobody
  has handled yet is added from the log's offsets (it is also ``in_flight``). A message that a
  collector could only park lies on ``dead-letter`` without an origin and counts here too; a
  parked copy of a record that lies in a topic does not count twice. A tally (a count of messages
  that nobody kept) counts as many as it says.
- **stored**: rows of the tables ``events``, ``samples`` and ``clicks``, counted, up to the offset
  that the ledger's ranges reach in each partition, so that a batch under way does not show.
- **dead_lettered**: records of the ranges that were parked instead of stored, as their batch
  wrote down. The letters that lie in ``dead_letters`` are counted by reason beside it: fewer of
  them than were parked is a problem, once nothing is on its way there.
- **dropped**: the same for tallies; and gaps: offsets that the ranges passed over although the
  log gave them to records. A gap is a loss, it has a name here, and it is a problem.
- **in_flight**: from the end of the ranges to the end of the log, by the log's offsets.

The verdict holds for every source by itself, so a row lost of one and doubled of another do not
cancel out. Deleting a stored row by hand is such a loss.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.schema.topics import DEAD_LETTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What ledger rows say of one partition.

    Attributes:
        topic, partition: Which.
        begin: First offset of the first range.
        end: Offset after the last one.
        records: Offsets in all its ranges together; a range has no holes, so less than
            ``end - begin`` is a gap, more an overlap.
    """

    topic: str
    partition: int
    begin: int
    end: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpan:
    """What the log holds of one partition: its log start offset and its end offset."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What ledger rows say of one source, for one reason.

    Attributes:
        source: Whose.
        received, dead_lettered, dropped: As in the module's docstring.
        reason: Why, for the last two; empty for the rows that count ``received``.
    """

    source: str
    received: int
    dead_lettered: int
    dropped: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that is counted, before it is compared.

    Attributes:
        coverage: By partition, from ledger rows. Measure it first.
        counted: By source and reason, from the ledger rows of the same ranges.
        stored: Rows by source, up to each partition's ``Coverage.end``.
        letters: Rows of ``dead_letters`` by reason. Measure them after ``counted``.
        log: What the log holds of every topic that the ledger is kept for. Measure it last.
    """

    coverage: Sequence[Coverage]
    counted: Sequence[Counted]
    stored: Mapping[str, int]
    letters: Mapping[str, int]
    log: Sequence[LogSpan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The five terms, in records."""

    received: int = 0
    stored: int = 0
    dead_lettered: int = 0
    dropped: int = 0
    in_flight: int = 0

    @property
    def missing(self) -> int:
        """Received and in none of the other terms; below zero: more came out than in."""
        return self.received - (self.stored + self.dead_lettered + self.dropped + self.in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerms:
    """The terms of one source; nobody knows the sources of what is in flight."""

    source: str
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The account.

    Attributes:
        totals: Over all sources, gaps and what is in flight included.
        sources: By name.
        reasons: Records dead-lettered or dropped by reason; ``gap`` among them.
        problems: What does not add up, in words; empty when everything does.
    """

    totals: Terms
    sources: tuple[SourceTerms, ...]
    reasons: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def is_reconciled(self) -> bool:
        """Whether every record is accounted for."""
        return not self.problems


def reconcile(measured: Measured) -> Ledger:
    """Compare what was measured.

    >>> reconcile(Measured(
    ...     coverage=[Coverage(topic="events.log", partition=0, begin=0, end=3, records=3)],
    ...     counted=[Counted(source="syslog:a", received=3, dead_lettered=0, dropped=0)],
    ...     stored={"syslog:a": 2},
    ...     letters={},
    ...     log=[LogSpan(topic="events.log", partition=0, start=0, end=4)],
    ... )).problems
    ('syslog:a: 1 of 3 received records is neither stored nor accounted for',)
    """
    sources = _sources(measured)
    gaps = {
        f"{at.topic}:{at.partition}": at.end - at.begin - at.records for at in measured.coverage
    }
    lost = sum(gap for gap in gaps.values() if gap > 0)
    in_flight, log_problems = _in_flight(measured, measured.log)
    totals = Terms(
        received=sum(of.terms.received for of in sources) + lost + in_flight,
        stored=sum(of.terms.stored for of in sources),
        dead_lettered=sum(of.terms.dead_lettered for of in sources),
        dropped=sum(of.terms.dropped for of in sources) + lost,
        in_flight=in_flight,
    )
    problems = [_source_problem(of) for of in sources if of.terms.missing]
    problems += [_gap_problem(where, gap) for where, gap in sorted(gaps.items()) if gap]
    problems += _letter_problems(measured)
    return Ledger(
        totals=totals,
        sources=sources,
        reasons=_reasons(measured.counted, lost),
        problems=(*problems, *log_problems),
    )


def _sources(measured: Measured) -> tuple[SourceTerms, ...]:
    received: dict[str, int] = dict.fromkeys(measured.stored, 0)
    dead_lettered: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for row in measured.counted:
        received[row.source] = received.get(row.source, 0) + row.received
        dead_lettered[row.source] = dead_lettered.get(row.source, 0) + row.dead_lettered
        dropped[row.source] = dropped.get(row.source, 0) + row.dropped
    return tuple(
        SourceTerms(
            source=source,
            terms=Terms(
                received=received[source],
                stored=measured.stored.get(source, 0),
                dead_lettered=dead_lettered.get(source, 0),
                dropped=dropped.get(source, 0),
            ),
        )
        for source in sorted(received)
    )


def _in_flight(measured: Measured, spans: Iterable[LogSpan]) -> tuple[int, list[str]]:
    reached = {(at.topic, at.partition): at.end for at in measured.coverage}
    waiting = 0
    problems = []
    for span in spans:
        end = reached.get((span.topic, span.partition), span.start)
        waiting += max(0, span.end - end)
        if span.end < end:
            problems.append(
                f"{span.topic}:{span.partition}: the log ends at {span.end},"
                f" below {end}, which is stored: the log lost records or was made anew"
            )
    return waiting, problems


def _letter_problems(measured: Measured) -> list[str]:
    """Reasons for which there are fewer letters than records that were parked."""
    on_their_way, _ = _in_flight(
        measured, [span for span in measured.log if span.topic == DEAD_LETTER]
    )
    if on_their_way:
        return []
    parked: dict[str, int] = {}
    for row in measured.counted:
        if row.dead_lettered:
            parked[row.reason] = parked.get(row.reason, 0) + row.dead_lettered
    return [
        f"{reason}: {count} records were dead-lettered, and of {measured.letters.get(reason, 0)}"
        " there is a dead letter"
        for reason, count in sorted(parked.items())
        if measured.letters.get(reason, 0) < count
    ]


def _reasons(counted: Iterable[Counted], lost: int) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for row in counted:
        if row.dead_lettered or row.dropped:
            reasons[row.reason] = reasons.get(row.reason, 0) + row.dead_lettered + row.dropped
    if lost:
        reasons["gap"] = lost
    return reasons


def _source_problem(of: SourceTerms) -> str:
    missing = of.terms.missing
    if missing > 0:
        verb = "is" if missing == 1 else "are"
        return (
            f"{of.source}: {missing} of {of.terms.received} received records"
            f" {verb} neither stored nor accounted for"
        )
    return f"{of.source}: {-missing} more records came out than were received"


def _gap_problem(where: str, gap: int) -> str:
    if gap > 0:
        return f"{where}: {gap} records were passed over and are lost"
    return f"{where}: {-gap} records were handled twice"
