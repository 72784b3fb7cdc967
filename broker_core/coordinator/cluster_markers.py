"""Markers for partitions of a cluster: each goes to the node that leads the partition now.

One attempt: a node that cannot be reached, or that does not lead any more, fails what was for it,
and whoever asked tries again where the partition is led by then. For the event loop.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from broker_core.coordinator.markers import MarkerWriter
from broker_core.coordinator.transaction import TopicPartition
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    NotLeaderOrFollower,
    UnknownTopicOrPartition,
    error_of,
)
from broker_core.protocol.control_record import Marker
from broker_core.protocol.controller_apis import WRITE_TXN_MARKERS
from broker_core.protocol.messages.write_txn_markers import (
    NO_SENDER,
    MarkerSender,
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.siblings import Siblings

_ANSWER_SECONDS = 30.0

Failures = dict[TopicPartition, BrokerError]


class ClusterMarkers:
    """Brings markers to the leaders, see ``MarkerWriter``.

    Args:
        own: For the partitions that this node leads.
    """

    def __init__(self, own: MarkerWriter, siblings: Siblings, *, node_id: int) -> None:
        self._own = own
        self._siblings = siblings
        self._node_id = node_id

    async def write(self, marker: Marker, partitions: Iterable[TopicPartition]) -> Failures:
        """Ask every leader at once; return when all have answered or are not to be waited for."""
        state = self._siblings.state
        failed: Failures = {}
        by_leader: dict[int, list[TopicPartition]] = {}
        for topic, number in sorted(partitions):
            known = state.partition(topic, number)
            if known is None:
                failed[topic, number] = UnknownTopicOrPartition(f"{topic}-{number}")
            elif not state.is_alive(known.leader):
                failed[topic, number] = NotLeaderOrFollower(f"nobody leads {topic}-{number}")
            else:
                by_leader.setdefault(known.leader, []).append((topic, number))
        outcomes = await asyncio.gather(
            *(self._write_at(leader, marker, those) for leader, those in by_leader.items())
        )
        for outcome in outcomes:
            failed.update(outcome)
        return failed

    async def _write_at(
        self, leader: int, marker: Marker, partitions: Sequence[TopicPartition]
    ) -> Failures:
        if leader == self._node_id:
            return await self._own.write(marker, partitions)

        epochs = _leader_epochs(self._siblings.state, partitions)

        def holds(state: ClusterState) -> bool:
            now = _leader_epochs(state, partitions)
            return any(now[each] == epoch for each, epoch in epochs.items())

        try:
            response: WriteTxnMarkersResponse = await self._siblings.ask(
                leader,
                lambda line: marker_request(marker, epochs, self._sender(line)),
                WRITE_TXN_MARKERS.max_version,
                seconds=_ANSWER_SECONDS,
                holds=holds,
            )
        except BrokerError as error:
            return dict.fromkeys(partitions, error)
        return _failures(response, partitions, leader)

    def _sender(self, line: int) -> MarkerSender:
        return MarkerSender(node_id=self._node_id, node_epoch=self._siblings.own_epoch, line=line)


def _leader_epochs(
    state: ClusterState, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """The leader epoch of each partition; -1 of one that is not there."""
    known = {each: state.partition(*each) for each in partitions}
    return {each: -1 if found is None else found.leader_epoch for each, found in known.items()}


def marker_request(
    marker: Marker,
    leader_epochs: Mapping[TopicPartition, int],
    sender: MarkerSender = NO_SENDER,
) -> WriteTxnMarkersRequest:
    """Return the request to write a marker to partitions in the epochs of their leader."""
    topics: dict[str, dict[int, int]] = {}
    for (topic, number), epoch in leader_epochs.items():
        topics.setdefault(topic, {})[number] = epoch
    return WriteTxnMarkersRequest(
        markers=(
            WritableTxnMarker(
                producer_id=marker.producer_id,
                producer_epoch=marker.producer_epoch,
                transaction_result=marker.committed,
                topics=tuple(
                    WritableTxnMarkerTopic(
                        name=topic,
                        partition_indexes=tuple(epochs),
                        leader_epochs=tuple(epochs.values()),
                    )
                    for topic, epochs in topics.items()
                ),
                coordinator_epoch=marker.coordinator_epoch,
            ),
        ),
        sender=sender,
    )


def _failures(
    response: WriteTxnMarkersResponse, partitions: Sequence[TopicPartition], leader: int
) -> Failures:
    """What has failed by a leader's answer; what it says nothing of has failed, too.

    That a partition is not there is believed of the controller alone: the leader may not have heard
    of it yet.
    """
    codes = {
        (topic.name, each.partition_index): each.error_code
        for marker in response.markers
        for topic in marker.topics
        for each in topic.partitions
    }
    failed: Failures = {}
    for partition in partitions:
        code = codes.get(partition, ErrorCode.UNKNOWN_SERVER_ERROR)
        if code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            failed[partition] = NotLeaderOrFollower(f"node {leader} does not know of it")
        elif code != ErrorCode.NONE:
            failed[partition] = error_of(code, f"node {leader}")
    return failed
