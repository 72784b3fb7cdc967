"""What the coordinator knows, in the words of the protocol."""

import pytest

from broker_core.coordinator import group_answers
from broker_core.coordinator.group import Group, GroupState
from broker_core.coordinator.member import Joined, JoinedMember, Joining, Synced
from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.errors import ErrorCode
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)

OFFSETS = {
    ("b", 1): CommittedOffset(5, 2, "note", 1),
    ("a", 0): CommittedOffset(6, -1, "", 1),
    ("a", 3): CommittedOffset(7, -1, "", 1),
}


def offsets_of(group: str) -> group_answers.Offsets:
    return OFFSETS if group == "g" else {}


def test_the_leader_is_told_the_members() -> None:
    joined = Joined(
        member_id="m",
        generation=4,
        protocol_type="consumer",
        protocol="range",
        leader="m",
        members=(JoinedMember(member_id="m", instance_id="i", metadata=b"x"),),
        skip_assignment=True,
    )

    response = group_answers.join_response(joined)

    assert (response.generation_id, response.leader, response.skip_assignment) == (4, "m", True)
    assert response.members[0].group_instance_id == "i"
    assert response.members[0].metadata == b"x"


def test_an_error_has_no_protocol_but_an_empty_name_for_old_versions() -> None:
    response = group_answers.join_response(Joined(error=ErrorCode.UNKNOWN_MEMBER_ID))

    assert response.error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert response.protocol_name == ""


def test_the_assignment_is_passed_on() -> None:
    response = group_answers.sync_response(Synced(assignment=b"x", protocol="range"))

    assert (response.error_code, response.assignment, response.protocol_name) == (0, b"x", "range")


def test_what_members_want_is_shown_once_the_group_is_stable() -> None:
    group = Group("g", initial_delay_ms=0, max_members=5)
    joining = Joining(
        member_id="",
        instance_id=None,
        protocol_type="consumer",
        protocols={"range": b"wanted"},
        session_ms=1000,
        rebalance_ms=1000,
        new_member_id="m",
        client_id="app",
        client_host="/127.0.0.1",
        must_know_id=False,
    )
    group.join(joining, "join", 0)
    before = group_answers.described_group(group)
    group.sync(
        member_id="m",
        instance_id=None,
        generation=1,
        protocol_type=None,
        protocol=None,
        assignments={"m": b"given"},
        ticket="sync",
        now_ms=0,
    )
    after = group_answers.described_group(group)

    assert (before.group_state, before.members[0].member_metadata) == ("CompletingRebalance", b"")
    assert after.group_state == "Stable"
    assert after.protocol_data == "range"
    assert after.members[0].member_metadata == b"wanted"
    assert after.members[0].member_assignment == b"given"
    assert (after.members[0].client_id, after.members[0].client_host) == ("app", "/127.0.0.1")


def test_a_group_nobody_knows_is_dead() -> None:
    assert group_answers.group_without_members("g", GroupState.DEAD).group_state == "Dead"


def unsettled_of(group: str) -> set[tuple[str, int]]:
    return {("b", 1)} if group == "g" else set()


@pytest.mark.parametrize("stable", [False, True])
def test_who_asks_for_stable_offsets_waits_for_open_transactions(stable: bool) -> None:
    wanted = OffsetFetchRequestTopic(name="b", partition_indexes=(1, 2))

    response = group_answers.offset_fetch_response(
        OffsetFetchRequest(group_id="g", topics=(wanted,), require_stable=stable),
        offsets_of,
        unsettled_of,
    )

    one, other = response.topics[0].partitions
    refused = (-1, ErrorCode.UNSTABLE_OFFSET_COMMIT)
    assert (one.committed_offset, one.error_code) == (refused if stable else (5, 0))
    assert (other.committed_offset, other.error_code) == (-1, 0)


def test_offsets_asked_for_one_by_one() -> None:
    wanted = OffsetFetchRequestTopic(name="b", partition_indexes=(1, 2))

    response = group_answers.offset_fetch_response(
        OffsetFetchRequest(group_id="g", topics=(wanted,)), offsets_of, unsettled_of
    )

    found, missing = response.topics[0].partitions
    assert (found.committed_offset, found.committed_leader_epoch, found.metadata) == (5, 2, "note")
    assert (missing.committed_offset, missing.metadata, missing.error_code) == (-1, "", 0)


def test_all_offsets_of_a_group() -> None:
    response = group_answers.offset_fetch_response(
        OffsetFetchRequest(group_id="g", topics=None), offsets_of, unsettled_of
    )

    assert [
        (topic.name, [partition.partition_index for partition in topic.partitions])
        for topic in response.topics
    ] == [("a", [0, 3]), ("b", [1])]


def test_several_groups_at_once() -> None:
    some = OffsetFetchRequestTopics(name="a", partition_indexes=(3,))
    request = OffsetFetchRequest(
        groups=(
            OffsetFetchRequestGroup(group_id="g", topics=(some,)),
            OffsetFetchRequestGroup(group_id="g", topics=None),
            OffsetFetchRequestGroup(group_id="other", topics=None),
        )
    )

    response = group_answers.offset_fetch_response(request, offsets_of, unsettled_of)

    assert response.groups[0].topics[0].partitions[0].committed_offset == 7
    assert [topic.name for topic in response.groups[1].topics] == ["a", "b"]
    assert response.groups[2].topics == ()
