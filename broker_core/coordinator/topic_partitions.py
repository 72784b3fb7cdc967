"""Partitions by topic id, as members of consumer groups hold them, and the topics there are. Pure.

Topic ids, not names: a topic that is deleted and made anew is another one.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class TopicPartition(NamedTuple):
    """One partition; they sort by topic, then number."""

    topic_id: bytes
    number: int


class KnownTopic(NamedTuple):
    """A topic that exists: its id (16 bytes), and how many partitions it has."""

    topic_id: bytes
    partitions: int


Topics = Mapping[str, KnownTopic]


def by_topic(partitions: Iterable[TopicPartition]) -> dict[bytes, list[int]]:
    """The numbers of each topic in order, topics in the order of their ids.

    >>> by_topic([TopicPartition(b"b", 2), TopicPartition(b"a", 1), TopicPartition(b"b", 0)])
    {b'a': [1], b'b': [0, 2]}
    """
    grouped: dict[bytes, list[int]] = {}
    for topic_id, number in sorted(partitions):
        grouped.setdefault(topic_id, []).append(number)
    return grouped


def fingerprint(names: Iterable[str], topics: Topics) -> int:
    """A number (signed, 64 bits) that changes when one of the topics comes, grows or goes."""
    digest = hashlib.sha256()
    for name in sorted(names):
        known = topics.get(name)
        if known is not None:
            digest.update(known.topic_id + struct.pack(">i", known.partitions))
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
