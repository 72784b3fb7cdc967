"""PolicyStore: the policy in memory for every request, on disk before a change is answered.

For the event loop.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from broker_core.errors import StorageError
from broker_core.policy import policy_file
from broker_core.policy.policy import Policy


class PolicyStore:
    """The policy of one log directory.

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

    async def change(self, change: Callable[[Policy], Policy]) -> None:
        """Let ``change`` make a new policy of the one that stands; it is on disk after this.

        Raises:
            StorageError: The disk refused; the old one stands.
        """
        async with self._changing:
            changed = change(self.current)
            try:
                await asyncio.to_thread(policy_file.write, self._directory, changed)
            except OSError as error:
                raise StorageError(f"cannot write the policy: {error}") from error
            self.current = changed
