"""The policy is changed: request in, the next state and an answer out. Pure.

What an entry means is the nodes' matter (``broker_core.policy``); here it is kept, once the node
that changes it has shown that it knew what stands.
"""

from dataclasses import replace

from broker_core.errors import InvalidUpdateVersion, PolicyViolation
from broker_core.protocol.messages.alter_policy import AlterPolicyRequest, AlterPolicyResponse
from broker_core.replication.cluster_state import PolicyEntries
from broker_core.replication.controller_state import ControllerState

MAX_POLICY_BYTES = 32 << 20  # a node that joins is told all of it in one frame of at most 64 MiB


def alter_policy(
    state: ControllerState, request: AlterPolicyRequest
) -> tuple[ControllerState, AlterPolicyResponse]:
    """Replace and remove entries (key 10001).

    Raises:
        InvalidUpdateVersion: The policy is another than the sender knows.
        PolicyViolation: It would be larger than what a node that joins can be told.
    """
    cluster = state.cluster
    known = cluster.policy
    if request.known_version != known.version:
        raise InvalidUpdateVersion(f"version {request.known_version}, it is {known.version}")
    entries = {**known.entries, **{each.key: each.value for each in request.entries}}
    for key in request.deleted:
        entries.pop(key, None)
    if entries == known.entries:
        return state, AlterPolicyResponse(error_code=0, version=known.version)
    if sum(len(each) for entry in entries.items() for each in entry) > MAX_POLICY_BYTES:
        raise PolicyViolation(f"the policy is larger than {MAX_POLICY_BYTES} bytes")
    version = cluster.version + 1
    policy = PolicyEntries(version=version, entries=entries)
    answer = AlterPolicyResponse(error_code=0, version=version)
    return replace(state, cluster=replace(cluster, policy=policy)), answer
