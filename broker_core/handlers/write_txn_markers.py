"""API key 27, WriteTxnMarkers, version 1: end transactions in partitions; for nodes alone.

A partition's marker is on the disk of every in-sync replica when it is answered. One of a
coordinator that was replaced is refused by its epoch. Clients are not told of the API and cannot
use it: Apache Kafka's tool that aborts a hanging transaction has nothing to do here.

Not done: version 2 (KIP-890).
"""

import asyncio

from broker_core.error_codes import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.control_record import Marker
from broker_core.protocol.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)


async def handle(request: WriteTxnMarkersRequest, call: Call) -> WriteTxnMarkersResponse:
    """Append every marker at once, then wait for all of them."""
    results = await asyncio.gather(*(_write(marker, call) for marker in request.markers))
    return WriteTxnMarkersResponse(markers=tuple(results))


async def _write(asked: WritableTxnMarker, call: Call) -> WritableTxnMarkerResult:
    marker = Marker(
        producer_id=asked.producer_id,
        producer_epoch=asked.producer_epoch,
        committed=asked.transaction_result,
        coordinator_epoch=asked.coordinator_epoch,
    )
    partitions = {
        (topic.name, number) for topic in asked.topics for number in topic.partition_indexes
    }
    failed = await call.services.markers.write(marker, partitions)
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
