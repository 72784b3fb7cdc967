"""Sealed segments held open for reading: at most so many, the longest unused is closed first."""

import os
from collections import OrderedDict
from pathlib import Path


class OpenFiles:
    """Read-only descriptors by path. For the event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._descriptors: OrderedDict[Path, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._descriptors)

    def descriptor(self, path: Path) -> int:
        """Return a descriptor, valid until the next call of any method.

        Raises:
            OSError: The file cannot be opened.
        """
        descriptor = self._descriptors.get(path)
        if descriptor is None:
            descriptor = self._descriptors[path] = os.open(path, os.O_RDONLY)
            if len(self._descriptors) > self._limit:
                _, oldest = self._descriptors.popitem(last=False)
                os.close(oldest)
        else:
            self._descriptors.move_to_end(path)
        return descriptor

    def forget(self, path: Path) -> None:
        """Close one file, because it was removed or replaced."""
        descriptor = self._descriptors.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Close every file."""
        while self._descriptors:
            _, descriptor = self._descriptors.popitem()
            os.close(descriptor)
