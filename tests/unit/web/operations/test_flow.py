"""Sources and losses as the pipeline's page lists them."""

from datetime import UTC, datetime, timedelta

from pipeline.ledger import Ledger, SourceTerms, Terms
from pipeline.store.queries.ledger import StoredDeadLetter
from pipeline.store.queries.overview import SourceActivity, SourceVolume, Volumes
from pipeline.store.queries.span import Span
from web.operations.accounting import Account
from web.operations.flow import SourceLine, parked_lines, source_lines
from web.operations.overview import QUARTERS, Overview

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
TERMS = {
    "syslog:a": Terms(received=10, stored=10),
    "syslog:b": Terms(received=90, stored=90),
    "http:c": Terms(received=2, stored=1),
}
HEARD = (
    SourceActivity("syslog:a", ("log",), 10, NOON, 0.5),
    SourceActivity("syslog:b", ("log",), 90, NOON, 0.0),
)


def _overview(*volumes: SourceVolume) -> Overview:
    ledger = Ledger(
        totals=Terms(received=102, stored=101),
        sources=tuple(SourceTerms(source=name, terms=terms) for name, terms in TERMS.items()),
        reasons={},
        problems=("http:c",),
    )
    return Overview(
        span=Span(NOON - timedelta(days=1), NOON),
        fired=None,
        received=Volumes(QUARTER, volumes),
        heard=HEARD,
        quiet=(),
        log=None,
        account=Account(ledger, NOON),
        decisions=(),
        problems=(),
    )


def _lines(*volumes: SourceVolume) -> dict[str, SourceLine]:
    return {line.source: line for line in source_lines(_overview(*volumes))}


def test_what_does_not_add_up_stands_first_then_the_loudest() -> None:
    assert list(_lines()) == ["http:c", "syslog:b", "syslog:a"]


def test_a_source_that_sends_nothing_now_rests_and_is_not_called_flowing() -> None:
    lines = _lines()

    assert lines["syslog:a"].state == ("ok", "Flowing")
    assert lines["syslog:b"].state == ("silent", "Resting")
    assert lines["http:c"].state == ("silent", "Not in 24 h")


def test_the_line_of_a_source_spans_the_whole_day_without_the_stretch_that_runs() -> None:
    begin = NOON - 2 * QUARTER

    lines = _lines(SourceVolume(begin, "syslog:a", 7), SourceVolume(NOON, "syslog:a", 1))

    assert len(lines["syslog:a"].sent) == QUARTERS
    assert list(lines["syslog:a"].sent[-2:]) == [7, 0]
    assert lines["syslog:b"].sent == []  # not among the loudest: no line is better than a flat one


def test_dead_letters_are_grouped_by_reason_and_source_with_a_sample() -> None:
    def letter(reason: str, value: bytes) -> StoredDeadLetter:
        return StoredDeadLetter(
            time=NOON,
            source="syslog:a",
            reason=reason,
            detail="",
            value=value,
            origin_topic="",
            origin_partition=-1,
            origin_offset=-1,
            partition=0,
            offset=0,
        )

    lines = parked_lines(
        [letter("too_long", b"\xff" * 900), letter("no_time", b"x"), letter("no_time", b"y")]
    )

    assert [(line.reason, line.records) for line in lines] == [("no_time", 2), ("too_long", 1)]
    assert lines[0].sample == "x"
    assert len(lines[1].sample) == 200
