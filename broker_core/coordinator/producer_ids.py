"""Producer ids: each is given once, also over crashes.

Ids are taken from the disk in blocks; what is left of a block when the broker stops is never
given. For the event loop.
"""

import asyncio
import json
from pathlib import Path

from broker_core.errors import StorageError
from broker_core.log.checkpoint import replace_file
from broker_core.log.file_layout import FORMAT_VERSION, PRODUCER_IDS

BLOCK_IDS = 1000


class ProducerIds:
    """The ids of one broker.

    Args:
        directory: The log directory, which this process owns.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / PRODUCER_IDS
        self._next = self._end = self._read()
        self._taking = asyncio.Lock()

    async def allocate(self) -> int:
        """Return an id that was never returned before.

        Raises:
            StorageError: The next block cannot be taken from the disk.
        """
        async with self._taking:
            if self._next == self._end:
                await asyncio.to_thread(self._take_block)
            allocated = self._next
            self._next += 1
            return allocated

    def _take_block(self) -> None:
        end = self._end + BLOCK_IDS
        content = {"format_version": FORMAT_VERSION, "next_producer_id": end}
        try:
            replace_file(self._path, json.dumps(content, indent=1).encode() + b"\n")
        except OSError as error:
            raise StorageError(f"cannot take producer ids: {error}") from error
        self._end = end

    def _read(self) -> int:
        try:
            return int(json.loads(self._path.read_bytes())["next_producer_id"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{self._path} cannot be read; restore it from a backup") from error
