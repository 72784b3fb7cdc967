"""Producer ids of a cluster: its controller gives each node blocks of them. For the event loop.

What is left of a block when the node stops is never given.
"""

import asyncio
from collections.abc import Awaitable, Callable

from broker_core.coordinator.producer_ids import ProducerIds


class ClusterProducerIds(ProducerIds):
    """The ids that one node of a cluster gives.

    Args:
        take_block: Asks the controller for ids that nobody was ever given.
    """

    def __init__(self, take_block: Callable[[], Awaitable[range]]) -> None:
        self._ask = take_block
        self._block = iter(range(0))
        self._taking = asyncio.Lock()

    async def allocate(self) -> int:
        """Return an id that was never returned before, by whichever node.

        Raises:
            BrokerError: The controller gives none.
        """
        async with self._taking:
            allocated = next(self._block, None)
            if allocated is None:
                self._block = iter(await self._ask())
                allocated = next(self._block)
            return allocated
