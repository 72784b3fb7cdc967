"""API key 27, WriteTxnMarkers, version 1: end transactions in partitions; for nodes alone.

A partition's marker is on the disk of every in-sync replica when it is answered. Refused is one of
a coordinator that was replaced, by its epoch; and one that its sender has given up by now: it was
for another epoch of the partition's leader, or is on a connection that has a successor
(:mod:`broker_core.coordinator.marker_lines`). Clients are not told of the API and cannot use it:
Apache Kafka's tool that aborts a hanging transaction has nothing to do here.

Not done: version 2 (KIP-890).
"""

import asyncio
from itertools import zip_longest

from broker_core.coordinator.transaction import TopicPartition
from broker_core.errors import BrokerError, ErrorCode, NetworkException
from broker_core.handlers.services import Call
from broker_core.protocol.control_record import Marker
from broker_core.protocol.messages.write_txn_markers import (
    MarkerSender,
    WritableTxnMarker,
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)
from broker_core.replication.replica import NOT_TOLD


async def handle(request: WriteTxnMarkersRequest, call: Call) -> WriteTxnMarkersResponse:
    """Append every marker at once, then wait for all of them."""
    writing = [_write(marker, request.sender, call) for marker in request.markers]
    results = await asyncio.gather(*writing)
    return WriteTxnMarkersResponse(markers=tuple(results))


def _given_up(
    asked: WritableTxnMarker, sender: MarkerSender, call: Call
) -> dict[TopicPartition, BrokerError]:
    """The partitions for which the sender has given the marker up; nothing may wait after this."""
    failed: dict[TopicPartition, BrokerError] = {}
    is_cut = call.services.marker_lines.is_cut(sender)
    for topic in asked.topics:
        for number, epoch in zip_longest(topic.partition_indexes, topic.leader_epochs):
            try:
                if is_cut:
                    raise NetworkException("a newer connection is in use")
                call.services.replicas.leading(
                    topic.name, number, NOT_TOLD if epoch is None else epoch
                )
            except BrokerError as error:
                failed[topic.name, number] = error
    return failed


async def _write(
    asked: WritableTxnMarker, sender: MarkerSender, call: Call
) -> WritableTxnMarkerResult:
    marker = Marker(
        producer_id=asked.producer_id,
        producer_epoch=asked.producer_epoch,
        committed=asked.transaction_result,
        coordinator_epoch=asked.coordinator_epoch,
    )
    failed = _given_up(asked, sender, call)
    partitions = {
        (topic.name, number) for topic in asked.topics for number in topic.partition_indexes
    }
    failed.update(await call.services.markers.write(marker, partitions - failed.keys()))
    return WritableTxnMarkerResult(
        producer_id=asked.producer_id,
        topics=tuple(
            WritableTxnMarkerTopicResult(
                name=topic.name,
                partitions=tuple(
                    WritableTxnMarkerPartitionResult(
                        partition_index=number,
                        error_code=failed[topic.name, number].code
                        if (topic.name, number) in failed
                        else ErrorCode.NONE,
                    )
                    for number in topic.partition_indexes
                ),
            )
            for topic in asked.topics
        ),
    )
