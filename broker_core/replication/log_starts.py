"""Where logs of other nodes start: asked for by a node that lacks room for its copies of them.

A copy starts where its leader's log does, so only the leader can make room; it is asked as by an
administrator, with DeleteRecords. For the event loop.
"""

import asyncio
from collections.abc import Mapping, Set

import structlog

from broker_core.errors import BrokerError, ErrorCode
from broker_core.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopic,
)
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.siblings import ANSWER_SECONDS, Siblings

log = structlog.get_logger()

Where = tuple[str, int]
_VERSION = 2


async def move(starts: Mapping[Where, int], state: ClusterState, siblings: Siblings) -> Set[Where]:
    """Have partitions start there, or later; return those of which the leader says so."""
    moved = await asyncio.gather(
        *(
            _ask(siblings, leader, {where: starts[where] for where in led})
            for leader, led in state.by_leader(starts).items()
        )
    )
    return frozenset().union(*moved)


async def _ask(siblings: Siblings, leader: int, starts: Mapping[Where, int]) -> Set[Where]:
    topics: dict[str, list[DeleteRecordsPartition]] = {}
    for (topic, index), start in starts.items():
        asked = DeleteRecordsPartition(partition_index=index, offset=start)
        topics.setdefault(topic, []).append(asked)
    request = DeleteRecordsRequest(
        topics=tuple(
            DeleteRecordsTopic(name=name, partitions=tuple(asked)) for name, asked in topics.items()
        ),
        timeout_ms=round(ANSWER_SECONDS * 1000),
    )
    try:
        answer: DeleteRecordsResponse = await siblings.ask(leader, request, _VERSION)
    except BrokerError as error:
        log.warning("log_starts_not_moved", leader=leader, reason=str(error))
        return frozenset()
    return {
        (topic.name, result.partition_index)
        for topic in answer.topics
        for result in topic.partitions
        if result.error_code == ErrorCode.NONE
    }
