"""OwnPolicy: the policy of a node that is alone: on its disk before a change is answered.

For the event loop.
"""

import asyncio
from pathlib import Path

from broker_core.errors import StorageError
from broker_core.policy import policy_file
from broker_core.policy.policy_store import Change


class OwnPolicy:
    """The policy of one log directory, see ``PolicyStore``.

    Attributes:
        current: What stands now.
    """

    def __init__(self, directory: Path) -> None:
        """Read it; blocks.

        Args:
            directory: The log directory, which this process owns.

        Raises:
            StorageError: It is there and cannot be read.
        """
        self._directory = directory
        self._changing = asyncio.Lock()
        self.current = policy_file.read(directory)

    async def known(self) -> None:
        """Return at once: it was read."""

    async def change(self, change: Change) -> None:
        """Let ``change`` make a new policy of the one that stands, see ``PolicyStore.change``."""
        async with self._changing:
            changed = change(self.current)
            try:
                await asyncio.to_thread(policy_file.write, self._directory, changed)
            except OSError as error:
                raise StorageError(f"cannot write the policy: {error}") from error
            self.current = changed
