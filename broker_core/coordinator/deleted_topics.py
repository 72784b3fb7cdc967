"""What groups committed for topics that the controller deleted is forgotten by their coordinators.

A topic made anew under the same name is another topic: its groups begin where they would without
offsets. For the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from broker_core.errors import BrokerError
from broker_core.replication.cluster_state import ClusterState

log = structlog.get_logger()


class DeletedTopics:
    """Compares one state of the cluster with the next.

    Args:
        forget: Forgets a topic's offsets, those of the groups that this node coordinates.
    """

    def __init__(self, forget: Callable[[str], Awaitable[None]]) -> None:
        self._forget = forget
        self._known: dict[str, UUID] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def learn(self, state: ClusterState) -> None:
        """Forget what is not there any more."""
        topics = {topic.name: topic.topic_id for topic in state.topics.values()}
        for name, topic_id in self._known.items():
            if topics.get(name) != topic_id:
                task = asyncio.create_task(self._try(name), name=f"forget-{name}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._known = topics

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _try(self, topic: str) -> None:
        try:
            await self._forget(topic)
        except BrokerError as error:  # another node coordinates by now, and it heard, too
            log.warning("offsets_not_forgotten", topic=topic, error=str(error))
