"""A group's state is told when it changes, and then only."""

from structlog.testing import capture_logs

from broker_core.coordinator.group import Group
from broker_core.coordinator.group_changes import GroupChanges
from broker_core.coordinator.member import Joining

JOINING = Joining(
    member_id="",
    instance_id=None,
    protocol_type="consumer",
    protocols={"range": b""},
    session_ms=1000,
    rebalance_ms=1000,
    new_member_id="app-1",
    client_id="app",
    client_host="/127.0.0.1",
    must_know_id=False,
    skips_assignment=False,
)


def test_every_state_is_told_once() -> None:
    group = Group("readers", initial_delay_ms=10, max_members=5)
    changes = GroupChanges()

    with capture_logs() as lines:
        changes.note(group)  # nothing has happened yet
        group.join(JOINING, object(), 0)
        changes.note(group)
        group.tick(10)
        changes.note(group)
        changes.note(group)
        group.leave(member_id="app-1", instance_id=None, now_ms=20)
        changes.note(group)

    assert [(line["state"], line["before"], line["members"]) for line in lines] == [
        ("PreparingRebalance", "Empty", 1),
        ("CompletingRebalance", "PreparingRebalance", 1),
        ("Empty", "CompletingRebalance", 0),
    ]
    assert {line["group"] for line in lines} == {"readers"}
    assert lines[1]["generation"] == 1


def test_a_group_that_was_let_go_begins_anew() -> None:
    changes = GroupChanges()

    with capture_logs() as lines:
        for _ in range(2):
            group = Group("readers", initial_delay_ms=10, max_members=5)
            group.join(JOINING, object(), 0)
            changes.note(group)
            changes.forget(group)

    assert [line["before"] for line in lines] == ["Empty", "Empty"]
