"""Whether the copies of every partition are byte for byte the same.

Compared are the record batches as they lie in the segments, one behind the other: where a copy
begins a new segment is its own affair. Topics that are compacted are left out, since every node
compacts when it likes.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from broker_core.log.file_layout import LOG_SUFFIX, segment_files
from tests.chaos.checker import Anomaly

SETTLE_SECONDS = 20.0
COMPACTED = ("__consumer_offsets-", "__transaction_state-")


def unlike(data_dirs: Mapping[str, Path], *, seconds: float = SETTLE_SECONDS) -> list[Anomaly]:
    """Every partition whose copies differ, once followers had their time to catch up.

    Args:
        data_dirs: By the name of the node.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = list(_differences(data_dirs))
        if not all(is_behind for _, is_behind in found) or time.monotonic() > deadline or not found:
            return [Anomaly("unlike", detail) for detail, _ in found]
        time.sleep(0.2)


def _differences(data_dirs: Mapping[str, Path]) -> Iterator[tuple[str, bool]]:
    """What differs, and whether it is only that one copy is shorter than the other."""
    partitions = {
        path.name
        for data_dir in data_dirs.values()
        for path in data_dir.iterdir()
        if path.is_dir() and not path.name.startswith(COMPACTED)
    }
    for partition in sorted(partitions):
        (first, theirs), *others = (
            (node, content(data_dir / partition)) for node, data_dir in data_dirs.items()
        )
        for node, here in others:
            if here != theirs:
                at = _parting(theirs, here)
                sizes = len(theirs), len(here)
                yield (
                    f"{partition} on {first} and {node}: {sizes} bytes, alike up to {at}",
                    at in sizes,
                )


def content(directory: Path) -> bytes:
    """All record batches of a copy; none if it is not there."""
    segments = segment_files(directory, LOG_SUFFIX) if directory.is_dir() else []
    return b"".join(path.read_bytes() for path in segments)


def _parting(one: bytes, other: bytes) -> int:
    """Where two byte strings begin to differ."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
