"""The name of every file and directory on disk, and the format version.

What is inside the files: FORMAT.md. Nothing else in the broker spells a file name.
"""

import re
from pathlib import Path

from broker_core.errors import InvalidTopic

FORMAT_VERSION = 1
REPLICATED_FORMAT_VERSION = 2  # of the directory of a cluster's node

CONSUMER_OFFSETS = "__consumer_offsets"
TRANSACTION_STATE = "__transaction_state"
INTERNAL_TOPICS = frozenset({CONSUMER_OFFSETS, TRANSACTION_STATE})

# In the log directory itself.
LOCK = ".lock"
IDENTITY = "identity.json"
TOPICS = "topics.json"
PRODUCER_IDS = "producer-ids.json"
POLICY = "policy.json"
CLEAN_SHUTDOWN = "clean-shutdown"
NODE = "node.json"
HIGH_WATERMARKS = "high-watermarks.json"
DELETED_SUFFIX = ".deleted"

# In the directory of a partition.
CHECKPOINT = "partition.json"
RECOVERY_MARK = "recovery-mark"
LEADER_EPOCHS = "leader-epochs.json"
LOG_SUFFIX = ".log"
OFFSET_INDEX_SUFFIX = ".index"
TIME_INDEX_SUFFIX = ".timeindex"
TRANSACTION_INDEX_SUFFIX = ".txnindex"
SNAPSHOT_SUFFIX = ".snapshot"
CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"
TEMPORARY_SUFFIX = ".tmp"

MAX_TOPIC_CHARACTERS = 249  # so that "<topic>-<partition>" is a legal file name everywhere
_LEGAL_TOPIC = re.compile(r"[a-zA-Z0-9._-]+")
_OFFSET_DIGITS = 20  # every int64 in decimal, so that names sort like offsets


def check_topic_name(topic: str) -> None:
    """Accept what Kafka accepts as a topic's name, which is also safe as a directory's.

    Raises:
        InvalidTopic: Empty, too long, ``.``, ``..`` or with other than ``[a-zA-Z0-9._-]``.
    """
    if len(topic) > MAX_TOPIC_CHARACTERS:
        raise InvalidTopic(f"a topic name of {len(topic)} characters, {MAX_TOPIC_CHARACTERS} fit")
    if topic in ("", ".", "..") or not _LEGAL_TOPIC.fullmatch(topic):
        raise InvalidTopic(f"topic name {topic!r} is not made of letters, digits, '.', '_', '-'")


def partition_directory(topic: str, partition: int) -> str:
    """Name of the directory of one partition: ``<topic>-<partition>``."""
    return f"{topic}-{partition}"


def log_file(base_offset: int) -> str:
    """Name of the segment that begins at ``base_offset``."""
    return f"{base_offset:0{_OFFSET_DIGITS}d}{LOG_SUFFIX}"


def offset_index_file(base_offset: int) -> str:
    """Name of that segment's offset index."""
    return f"{base_offset:0{_OFFSET_DIGITS}d}{OFFSET_INDEX_SUFFIX}"


def time_index_file(base_offset: int) -> str:
    """Name of that segment's time index."""
    return f"{base_offset:0{_OFFSET_DIGITS}d}{TIME_INDEX_SUFFIX}"


def transaction_index_file(base_offset: int) -> str:
    """Name of that segment's transaction index."""
    return f"{base_offset:0{_OFFSET_DIGITS}d}{TRANSACTION_INDEX_SUFFIX}"


def snapshot_file(offset: int) -> str:
    """Name of the producer state as it was before ``offset``."""
    return f"{offset:0{_OFFSET_DIGITS}d}{SNAPSHOT_SUFFIX}"


def cleaned_file(base_offset: int, next_offset: int) -> str:
    """Name of a compacted segment that is still being written; worthless after a crash."""
    return _range_name(base_offset, next_offset) + CLEANED_SUFFIX


def swap_file(base_offset: int, next_offset: int) -> str:
    """Name of a compacted segment that is complete and takes the place of that range."""
    return _range_name(base_offset, next_offset) + SWAP_SUFFIX


def swap_range(path: Path) -> tuple[int, int]:
    """Return the (base offset, next offset) that a swap file stands for."""
    base_offset, next_offset = path.name.removesuffix(SWAP_SUFFIX).split("-")
    return int(base_offset), int(next_offset)


def offset_of(path: Path) -> int:
    """Return the offset in the name of a segment, index or snapshot."""
    return int(path.name.split(".", 1)[0])


def segment_files(directory: Path, suffix: str) -> list[Path]:
    """Return the files of one kind in a partition's directory, lowest offset first."""
    return sorted(
        path
        for path in directory.iterdir()
        if path.suffix == suffix and path.stem.isascii() and path.stem.isdigit()
    )


def _range_name(base_offset: int, next_offset: int) -> str:
    return f"{base_offset:0{_OFFSET_DIGITS}d}-{next_offset:0{_OFFSET_DIGITS}d}"
