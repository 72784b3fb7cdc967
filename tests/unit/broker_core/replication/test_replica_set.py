"""When a record is committed, and who is in sync, as the leader of a partition decides."""

from dataclasses import replace
from uuid import UUID

import pytest

from broker_core.replication.cluster_state import Partition
from broker_core.replication.replica_set import ReplicaSet

LAG_MS = 1000
LED = Partition(
    topic="events",
    topic_id=UUID(int=1),
    index=0,
    replicas=(1, 2, 3),
    isr=(1, 2, 3),
    leader=1,
    leader_epoch=4,
    partition_epoch=7,
)


def led(*isr: int, epoch_start: int = 0) -> ReplicaSet:
    """Node 1 leads since time 0; its log ended at ``epoch_start`` then."""
    partition = replace(LED, isr=isr)
    return ReplicaSet(partition, epoch_start=epoch_start, now_ms=0, lag_ms=LAG_MS)


def committed(replicas: ReplicaSet, *, leader_end: int, now_ms: int = 0, dead: int = 0) -> int:
    return replicas.high_watermark(
        durable_end=leader_end,
        leader_end=leader_end,
        now_ms=now_ms,
        is_alive=lambda node_id: node_id != dead,
    )


def wanted(
    replicas: ReplicaSet, *, high_watermark: int, leader_end: int, now_ms: int = 0, dead: int = 0
) -> tuple[int, ...] | None:
    return replicas.wanted_isr(
        high_watermark=high_watermark,
        leader_end=leader_end,
        now_ms=now_ms,
        is_alive=lambda node_id: node_id != dead,
    )


def test_what_every_in_sync_replica_has_is_committed() -> None:
    replicas = led(1, 2, 3)

    replicas.fetched(2, 8, leader_end=10, now_ms=0)
    assert committed(replicas, leader_end=10) == -1
    replicas.fetched(3, 5, leader_end=10, now_ms=0)

    assert committed(replicas, leader_end=10) == 5


def test_what_the_leader_has_not_synced_is_not_committed() -> None:
    replicas = led(1, 2)
    replicas.fetched(2, 10, leader_end=10, now_ms=0)

    at = replicas.high_watermark(durable_end=6, leader_end=10, now_ms=0, is_alive=lambda _: True)

    assert at == 6


def test_a_leader_alone_in_sync_commits_what_it_has() -> None:
    assert committed(led(1), leader_end=10) == 10


def test_who_holds_no_copy_does_not_count() -> None:
    replicas = led(1)

    assert not replicas.fetched(9, 3, leader_end=10, now_ms=0)
    assert committed(replicas, leader_end=10) == 10


# -- leaving


def test_a_replica_that_lags_is_to_leave_but_counts_until_it_has_left() -> None:
    replicas = led(1, 2, 3)
    replicas.fetched(2, 10, leader_end=10, now_ms=LAG_MS)

    assert wanted(replicas, high_watermark=0, leader_end=10, now_ms=LAG_MS) is None
    replicas.asked = wanted(replicas, high_watermark=0, leader_end=10, now_ms=LAG_MS + 1)

    assert replicas.asked == (1, 2)
    assert committed(replicas, leader_end=10, now_ms=LAG_MS + 1) == -1

    replicas.adopt(replace(LED, isr=(1, 2), partition_epoch=8), now_ms=LAG_MS + 1)

    assert committed(replicas, leader_end=10, now_ms=LAG_MS + 1) == 10


def test_a_replica_that_has_everything_stays_however_silent() -> None:
    replicas = led(1, 2)
    replicas.fetched(2, 10, leader_end=10, now_ms=0)

    assert wanted(replicas, high_watermark=10, leader_end=10, now_ms=LAG_MS * 50) is None


def test_a_replica_under_steady_load_always_lacks_something_and_stays() -> None:
    replicas = led(1, 2)

    for step in range(1, 20):  # each fetch has what the leader had at the one before
        replicas.fetched(2, (step - 1) * 10, leader_end=step * 10, now_ms=step * 500)

    assert wanted(replicas, high_watermark=0, leader_end=200, now_ms=19 * 500) is None


def test_a_replica_that_falls_ever_further_behind_leaves() -> None:
    replicas = led(1, 2)

    for step in range(1, 5):
        replicas.fetched(2, step, leader_end=step * 10, now_ms=step * 500)

    assert wanted(replicas, high_watermark=0, leader_end=40, now_ms=2000) == (1,)


def test_one_question_at_a_time() -> None:
    replicas = led(1, 2)
    replicas.asked = (1,)

    assert wanted(replicas, high_watermark=0, leader_end=10, now_ms=5000) is None
    replicas.refused()
    assert wanted(replicas, high_watermark=0, leader_end=10, now_ms=5000) == (1,)


# -- joining


def test_a_replica_that_caught_up_is_to_join() -> None:
    replicas = led(1, 2)
    replicas.fetched(2, 10, leader_end=10, now_ms=0)

    replicas.fetched(3, 9, leader_end=10, now_ms=0)
    assert wanted(replicas, high_watermark=10, leader_end=10) is None
    replicas.fetched(3, 10, leader_end=10, now_ms=0)

    assert wanted(replicas, high_watermark=10, leader_end=10) == (1, 2, 3)
    assert wanted(replicas, high_watermark=10, leader_end=10, dead=3) is None


def test_a_replica_joins_only_with_what_the_leader_was_elected_with() -> None:
    """The high watermark that a new leader knows may be lower than the true one."""
    replicas = led(1, 2, epoch_start=20)
    replicas.fetched(2, 20, leader_end=20, now_ms=0)

    replicas.fetched(3, 15, leader_end=20, now_ms=0)

    assert wanted(replicas, high_watermark=12, leader_end=20) is None


def test_a_replica_that_may_be_in_sync_by_now_counts() -> None:
    replicas = led(1)
    replicas.fetched(3, 10, leader_end=10, now_ms=0)
    replicas.asked = (1, 3)

    assert committed(replicas, leader_end=30, now_ms=LAG_MS * 5) == 10


def test_a_replica_that_keeps_up_counts_before_it_asks_to_join() -> None:
    """Else the high watermark of a busy partition would run away from it for ever."""
    replicas = led(1)
    replicas.fetched(3, 10, leader_end=10, now_ms=0)

    assert committed(replicas, leader_end=30, now_ms=LAG_MS) == 10
    assert committed(replicas, leader_end=30, now_ms=LAG_MS, dead=3) == 30
    assert committed(replicas, leader_end=30, now_ms=LAG_MS + 1) == 30


def test_a_node_that_registered_anew_must_show_again_what_it_has() -> None:
    replicas = led(1, 2)
    replicas.fetched(2, 10, leader_end=10, now_ms=0)
    replicas.fetched(3, 10, leader_end=10, now_ms=0)

    replicas.restarted(2)
    replicas.restarted(3)
    replicas.restarted(9)

    assert committed(replicas, leader_end=10) == -1
    assert wanted(replicas, high_watermark=0, leader_end=10) is None


# -- what the controller says


def test_only_newer_word_of_the_controller_counts() -> None:
    replicas = led(1, 2, 3)
    replicas.asked = (1, 2)

    assert not replicas.adopt(replace(LED, isr=(1,)), now_ms=0)
    assert (replicas.partition.isr, replicas.asked) == ((1, 2, 3), (1, 2))
    assert replicas.adopt(replace(LED, isr=(1, 2), partition_epoch=8), now_ms=0)
    assert replicas.partition.isr == (1, 2)
    assert wanted(replicas, high_watermark=0, leader_end=10, now_ms=5000) == (1,)


def test_replicas_come_and_go_by_reassignment() -> None:
    replicas = led(1, 2)
    replicas.fetched(2, 10, leader_end=10, now_ms=0)

    replicas.adopt(
        replace(LED, replicas=(1, 2, 4), isr=(1, 2), adding=(4,), partition_epoch=8), now_ms=0
    )
    assert replicas.fetched(4, 10, leader_end=10, now_ms=0)
    assert not replicas.fetched(3, 10, leader_end=10, now_ms=0)

    assert wanted(replicas, high_watermark=10, leader_end=10) == (1, 2, 4)


@pytest.mark.parametrize(("fetched", "lag"), [(None, None), (4, 6), (10, 0)])
def test_lag_is_what_a_follower_lacks(fetched: int | None, lag: int | None) -> None:
    replicas = led(1, 2)
    if fetched is not None:
        replicas.fetched(2, fetched, leader_end=10, now_ms=0)

    assert replicas.lag(2, leader_end=10) == lag
    assert replicas.lag(9, leader_end=10) is None


def low(replicas: ReplicaSet, *, log_start: int, dead: int = 0) -> int:
    return replicas.low_watermark(log_start=log_start, is_alive=lambda node_id: node_id != dead)


def test_records_are_forgotten_once_no_live_copy_has_them() -> None:
    replicas = led(1, 2)  # node 3 is not in sync, but it is alive

    assert low(replicas, log_start=5) == -1, "nobody has said where it starts"
    replicas.starts_at(2, 5)
    replicas.starts_at(3, 2)

    assert low(replicas, log_start=5) == 2
    assert low(replicas, log_start=5, dead=3) == 5


def test_where_a_restarted_follower_starts_is_not_known() -> None:
    replicas = led(1, 2, 3)
    replicas.starts_at(2, 5)
    replicas.starts_at(3, 5)

    replicas.restarted(2)

    assert low(replicas, log_start=5) == -1


def test_where_a_strangers_log_starts_does_not_matter() -> None:
    replicas = led(1, 2, 3)
    replicas.starts_at(2, 5)
    replicas.starts_at(3, 5)

    replicas.starts_at(9, 1)

    assert low(replicas, log_start=5) == 5
