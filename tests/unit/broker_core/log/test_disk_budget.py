"""What goes for the box's disk budget, and what never does."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.log.disk_budget import Occupancy, Progress, decide, keep_from
from broker_core.log.retention import SealedSegment

A, B = ("events.log", 0), ("events.metric", 0)


def occupied(
    where: tuple[str, int] = A,
    *sealed: tuple[int, int, int],
    active_bytes: int = 10,
    active_newest_ms: int = 9_000,
    keep: int | None = None,
    may_shrink: bool = True,
) -> Occupancy:
    segments = [SealedSegment(*segment) for segment in sealed]
    end = segments[-1].next_offset if segments else 0
    return Occupancy(
        where=where,
        sealed=segments,
        active_bytes=active_bytes,
        active_newest_ms=active_newest_ms,
        end_offset=end + 1,
        keep_from=keep,
        may_shrink=may_shrink,
    )


def test_nothing_goes_within_the_budget() -> None:
    decision = decide([occupied(A, (10, 90, 1000))], budget_bytes=100)

    assert (decision.log_starts, decision.seals, decision.over_bytes) == ({}, (), 0)


def test_the_oldest_go_first_whatever_partition_they_are_in() -> None:
    partitions = [
        occupied(A, (10, 50, 1000), (20, 50, 3000)),
        occupied(B, (7, 50, 2000), (9, 50, 4000)),
    ]

    assert decide(partitions, budget_bytes=170).log_starts == {A: 10}
    assert decide(partitions, budget_bytes=120).log_starts == {A: 10, B: 7}
    assert decide(partitions, budget_bytes=70).log_starts == {A: 20, B: 7}


def test_what_somebody_has_still_to_read_stays_and_so_does_all_after_it() -> None:
    partitions = [
        occupied(A, (10, 50, 1000), (20, 50, 2000), (30, 50, 3000), keep=19),
        occupied(B, (7, 50, 5000)),
    ]

    decision = decide(partitions, budget_bytes=10)

    assert decision.log_starts == {A: 10, B: 7}
    assert decision.over_bytes == 110


def test_a_partition_that_may_not_shrink_counts_and_stays() -> None:
    decision = decide([occupied(A, (10, 50, 1000), may_shrink=False)], budget_bytes=10)

    assert (decision.log_starts, decision.seals, decision.over_bytes) == ({}, (), 50)


def test_segments_read_to_their_end_are_sealed_when_the_sealed_ones_do_not_suffice() -> None:
    partitions = [
        occupied(A, active_bytes=50, active_newest_ms=2000, keep=1),
        occupied(B, active_bytes=50, active_newest_ms=1000),
        occupied(("raw.x", 0), active_bytes=50, active_newest_ms=500, keep=0),
        occupied(("raw.y", 0), active_bytes=0),
    ]

    assert decide(partitions, budget_bytes=120).seals == (B,)
    assert decide(partitions, budget_bytes=60).seals == (B, A)


def test_a_group_that_never_committed_keeps_what_its_members_read() -> None:
    new = Progress(committed={}, topics=frozenset({"events.log"}))
    halfway = Progress(committed={("events.log", 1): 7}, topics=frozenset())

    assert keep_from(A, []) is None
    assert keep_from(A, [new]) == 0
    assert keep_from(B, [new]) is None
    assert keep_from(A, [halfway]) == 0, "it reads the topic and has come nowhere here"
    assert keep_from(("events.log", 1), [halfway]) == 7
    assert keep_from(("events.log", 1), [halfway, new]) == 0


segments = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 99), st.integers(0, 999)), max_size=5
)


@given(
    partitions=st.lists(
        st.tuples(segments, st.integers(0, 50), st.none() | st.integers(0, 50), st.booleans()),
        max_size=5,
    ),
    budget_bytes=st.integers(0, 2000),
)
def test_unread_and_protected_records_never_go_and_no_more_goes_than_needed(
    partitions: list[tuple[list[tuple[int, int, int]], int, int | None, bool]], budget_bytes: int
) -> None:
    made = []
    for number, (shape, active_bytes, keep, may_shrink) in enumerate(partitions):
        offset, sealed = 0, []
        for records, size, newest in shape:
            offset += records
            sealed.append((offset, size, newest))
        made.append(
            occupied(
                ("t", number), *sealed, active_bytes=active_bytes, keep=keep, may_shrink=may_shrink
            )
        )

    decision = decide(made, budget_bytes=budget_bytes)

    left, last = sum(one.size_bytes for one in made), 0
    for one in made:
        start = decision.log_starts.get(one.where, 0)
        gone = [segment for segment in one.sealed if segment.next_offset <= start]
        assert not gone or one.may_shrink
        assert one.keep_from is None or start <= one.keep_from
        left -= sum(segment.size_bytes for segment in gone)
        last = max([last, *(segment.size_bytes for segment in gone)])
    assert decision.over_bytes == max(0, left - budget_bytes)
    assert not decision.log_starts or left + last > budget_bytes, "the last one was needed"
    if decision.over_bytes:
        for one in made:
            start = decision.log_starts.get(one.where, 0)
            kept = [segment for segment in one.sealed if segment.next_offset > start]
            if kept and one.may_shrink:
                assert one.keep_from is not None
                assert kept[0].next_offset > one.keep_from
