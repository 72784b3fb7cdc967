from dataclasses import replace

from pipeline.ledger import Counted, Coverage, LogSpan, Measured, Terms, reconcile


def coverage(begin: int, end: int, *, records: int | None = None, partition: int = 0) -> Coverage:
    return Coverage(
        topic="events.log",
        partition=partition,
        begin=begin,
        end=end,
        records=end - begin if records is None else records,
    )


def span(end: int, *, start: int = 0, partition: int = 0) -> LogSpan:
    return LogSpan(topic="events.log", partition=partition, start=start, end=end)


def counted(
    source: str, received: int, *, dead_lettered: int = 0, dropped: int = 0, reason: str = ""
) -> Counted:
    return Counted(
        source=source,
        received=received,
        dead_lettered=dead_lettered,
        dropped=dropped,
        reason=reason,
    )


def test_a_quiet_pipeline_adds_up() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 10)],
            counted=[
                counted("a", 7),
                counted("a", 0, dead_lettered=2, reason="undecodable"),
                counted("b", 5),
                counted("b", 0, dropped=1, reason="lost"),
            ],
            stored={"a": 5, "b": 4},
            letters={"undecodable": 2},
            log=[span(10)],
        )
    )

    assert found.is_reconciled
    assert found.totals == Terms(received=12, stored=9, dead_lettered=2, dropped=1, in_flight=0)
    assert found.reasons == {"undecodable": 2, "lost": 1}
    assert [of.source for of in found.sources] == ["a", "b"]


def test_what_nobody_has_handled_yet_is_received_and_in_flight() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 10)],
            counted=[counted("a", 10)],
            stored={"a": 10},
            letters={},
            log=[span(25), span(7, start=3, partition=1)],
        )
    )

    assert found.is_reconciled
    assert found.totals.in_flight == 15 + 4
    assert found.totals.received == 29


def test_a_row_deleted_by_hand_turns_it_red() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 10)],
            counted=[counted("a", 10)],
            stored={"a": 9},
            letters={},
            log=[span(10)],
        )
    )

    assert not found.is_reconciled
    assert found.totals.missing == 1
    assert found.problems == ("a: 1 of 10 received records is neither stored nor accounted for",)


def test_a_dead_letter_deleted_by_hand_turns_it_red_once_none_is_on_its_way() -> None:
    dead_letter = LogSpan(topic="dead-letter", partition=0, start=0, end=1)
    measured = Measured(
        coverage=[
            coverage(0, 10),
            Coverage(topic="dead-letter", partition=0, begin=0, end=1, records=1),
        ],
        counted=[counted("a", 10), counted("a", 0, dead_lettered=2, reason="undecodable")],
        stored={"a": 8},
        letters={"undecodable": 1},
        log=[span(10), dead_letter],
    )

    assert reconcile(measured).problems == (
        "undecodable: 2 records were dead-lettered, and of 1 there is a dead letter",
    )
    under_way = replace(measured, log=[span(10), replace(dead_letter, end=2)])
    assert reconcile(under_way).problems == ()
    assert reconcile(replace(measured, letters={"undecodable": 3})).problems == ()


def test_one_lost_here_and_one_doubled_there_do_not_cancel_out() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 20)],
            counted=[counted("a", 10), counted("b", 10)],
            stored={"a": 9, "b": 11},
            letters={},
            log=[span(20)],
        )
    )

    assert found.totals.missing == 0
    assert len(found.problems) == 2


def test_a_gap_between_ranges_is_a_named_loss() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 10, records=7)],
            counted=[counted("a", 7)],
            stored={"a": 7},
            letters={},
            log=[span(10)],
        )
    )

    assert found.totals == Terms(received=10, stored=7, dropped=3)
    assert found.reasons == {"gap": 3}
    assert found.problems == ("events.log:0: 3 records were passed over and are lost",)


def test_ranges_that_overlap_are_named() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 10, records=12)],
            counted=[counted("a", 12)],
            stored={"a": 12},
            letters={},
            log=[span(10)],
        )
    )

    assert found.problems == ("events.log:0: 2 records were handled twice",)
    assert found.totals.dropped == 0


def test_a_log_that_ends_below_what_is_stored_is_named() -> None:
    found = reconcile(
        Measured(
            coverage=[coverage(0, 10)],
            counted=[counted("a", 10)],
            stored={"a": 10},
            letters={},
            log=[span(4)],
        )
    )

    assert found.totals.in_flight == 0
    assert "made anew" in found.problems[0]


def test_rows_of_a_source_that_nothing_was_received_from_are_named() -> None:
    found = reconcile(Measured(coverage=[], counted=[], stored={"ghost": 2}, letters={}, log=[]))

    assert found.problems == ("ghost: 2 more records came out than were received",)
