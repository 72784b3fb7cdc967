"""API key 35, DescribeLogDirs, versions 1 to 4: how much each partition takes on disk.

Not done: several log directories, and moving partitions between them.
"""

import asyncio
import shutil
from collections.abc import Mapping
from itertools import groupby

from broker_core.acl import Operation, ResourceType
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)

Where = tuple[str, int]  # topic, partition


async def handle(request: DescribeLogDirsRequest, call: Call) -> DescribeLogDirsResponse:
    """Describe the one log directory."""
    if not call.may(Operation.DESCRIBE, ResourceType.CLUSTER):
        denied = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        return DescribeLogDirsResponse(error_code=denied, results=())
    logs, path = call.services.logs, call.services.settings.data_dir
    volume = await asyncio.to_thread(shutil.disk_usage, path)
    in_service = logs.fault.reason is None
    result = DescribeLogDirsResult(
        error_code=ErrorCode.NONE if in_service else ErrorCode.KAFKA_STORAGE_ERROR,
        log_dir=str(path),
        topics=tuple(
            DescribeLogDirsTopic(
                name=topic, partitions=tuple(_partition(number, log) for (_, number), log in found)
            )
            for topic, found in groupby(_asked_for(request, logs.partitions()), _topic_of)
        ),
        total_bytes=volume.total,
        usable_bytes=volume.free,
    )
    return DescribeLogDirsResponse(results=(result,))


def _asked_for(
    request: DescribeLogDirsRequest, held: Mapping[Where, PartitionLog]
) -> list[tuple[Where, PartitionLog]]:
    """The partitions that are asked for and are here, in order."""
    if request.topics is None:
        return sorted(held.items(), key=_where)
    wanted = {(topic.topic, number) for topic in request.topics for number in topic.partitions}
    return sorted(((at, held[at]) for at in wanted if at in held), key=_where)


def _where(found: tuple[Where, PartitionLog]) -> Where:
    return found[0]


def _topic_of(found: tuple[Where, PartitionLog]) -> str:
    return found[0][0]


def _partition(number: int, log: PartitionLog) -> DescribeLogDirsPartition:
    return DescribeLogDirsPartition(
        partition_index=number,
        partition_size=log.bytes,
        offset_lag=log.end_offset - log.high_watermark,
        is_future_key=False,
    )
