"""Topics in the metadata of members: what clients send, and what nobody should."""

import pytest

from broker_core.coordinator.subscription import subscribed_topics

TWO = b"\x00\x03\x00\x00\x00\x02\x00\x01a\x00\x02bc"


def test_topics_are_read_and_what_follows_them_is_not() -> None:
    assert subscribed_topics(TWO + b"user data and owned partitions") == {"a", "bc"}


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\x00",
        TWO[:-1],
        TWO[:7],
        b"\x00\x03\x7f\xff\xff\xff",
        TWO[:6] + b"\xff\xff",
        b"\x00\x03\x00\x00\x00\x01\x00\x01\xff",
    ],
)
def test_what_cannot_be_read_names_no_topic(metadata: bytes) -> None:
    assert subscribed_topics(metadata) == frozenset()
