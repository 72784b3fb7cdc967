"""What a consumer says of itself when it joins: the topics it reads. Pure.

Members' metadata is opaque to the coordinator, except here: whoever deletes offsets must not take
them from a consumer that is reading. Format: ``ConsumerProtocolSubscription`` of Kafka's clients,
any version: they all begin with a version number and the topics.
"""

import struct

CONSUMER_PROTOCOL = "consumer"


def subscribed_topics(metadata: bytes) -> frozenset[str]:
    """The topics in a consumer's metadata; none where it cannot be read.

    >>> subscribed_topics(b"\\x00\\x01" b"\\x00\\x00\\x00\\x01" b"\\x00\\x04logs" b"rest")
    frozenset({'logs'})
    """
    topics = set()
    try:
        (count,) = struct.unpack_from(">i", metadata, 2)
        at = 6
        for _ in range(count):
            (length,) = struct.unpack_from(">h", metadata, at)
            name = metadata[at + 2 : at + 2 + length]
            if length < 0 or len(name) < length:
                return frozenset()
            topics.add(name.decode())
            at += 2 + length
    except (struct.error, UnicodeDecodeError):
        return frozenset()
    return frozenset(topics)
