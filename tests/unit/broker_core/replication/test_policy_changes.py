"""The policy is compared and swapped, and never larger than what can be told."""

import pytest

from broker_core.errors import InvalidUpdateVersion, PolicyViolation
from broker_core.protocol.messages.alter_policy import AlterPolicyRequest, PolicyEntry
from broker_core.replication.cluster_state import ClusterState, PolicyEntries
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.policy_changes import MAX_POLICY_BYTES, alter_policy

STATE = ControllerState(
    cluster=ClusterState(
        version=9, cluster_id="c", policy=PolicyEntries(version=5, entries={"a": "1", "b": "2"})
    )
)


def request(known: int, put: dict[str, str], *deleted: str) -> AlterPolicyRequest:
    entries = tuple(PolicyEntry(key=key, value=value) for key, value in put.items())
    return AlterPolicyRequest(known_version=known, entries=entries, deleted=deleted)


def test_entries_are_put_and_removed_with_the_version_that_the_state_will_have() -> None:
    after, answer = alter_policy(STATE, request(5, {"b": "3", "c": "4"}, "a", "never there"))

    assert after.cluster.policy == PolicyEntries(version=10, entries={"b": "3", "c": "4"})
    assert (answer.error_code, answer.version) == (0, 10)


def test_a_change_of_another_policy_is_refused() -> None:
    with pytest.raises(InvalidUpdateVersion):
        alter_policy(STATE, request(4, {"b": "3"}))


def test_what_changes_nothing_is_no_new_state() -> None:
    after, answer = alter_policy(STATE, request(5, {"b": "2"}, "never there"))

    assert after is STATE
    assert answer.version == 5


def test_a_policy_that_nobody_could_be_told_is_refused() -> None:
    with pytest.raises(PolicyViolation):
        alter_policy(STATE, request(5, {"b": "x" * MAX_POLICY_BYTES}))
