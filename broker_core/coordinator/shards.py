"""Which partition of an internal topic has which key, so which node coordinates it. Pure."""

import zlib


def shard_of(key: str, partitions: int) -> int:
    """Return the partition that holds what is known of a group or a transactional id.

    >>> shard_of("tocsin.sinks", 1), shard_of("tocsin.sinks", 50)
    (0, 13)
    """
    return zlib.crc32(key.encode()) % partitions
