"""Decoders: what the property tests of the messages do not single out."""

from dataclasses import dataclass

import pytest

from broker_core.errors import CorruptMessage
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.message import wire
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.produce import ProduceRequest
from broker_core.protocol.primitives import Int32, Records, String


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A message of every shape that matters here."""

    name: String
    count: Int32 = wire(7, since=1)
    names: tuple[String, ...] | None = wire((), nullable_since=1)
    tagged: Int32 = wire(0, since=1, tag=3)
    records: Records | None = None


def test_fields_that_a_version_lacks_get_their_default() -> None:
    data = b"\x00\x01a" + b"\x00\x00\x00\x00" + b"\xff\xff\xff\xff"

    assert decode(Sample, 0, flexible=False, data=data) == Sample(name="a")


def test_unknown_tags_are_skipped_and_known_ones_read() -> None:
    data = b"\x02a" + b"\x00\x00\x00\x01" + b"\x00" + b"\x00"
    tags = b"\x02" + b"\x03\x04\x00\x00\x00\x09" + b"\x07\x02zz"

    decoded = decode(Sample, 1, flexible=True, data=data + tags)

    assert decoded == Sample(name="a", count=1, names=None, tagged=9)


def test_a_tag_at_its_default_is_not_written() -> None:
    written = b"".join(encode(Sample(name="a", names=("b",)), 1, flexible=True))

    assert written == b"\x02a" + b"\x00\x00\x00\x07" + b"\x02\x02b" + b"\x00" + b"\x00"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff",
        b"\x7f\xff",
        b"\x00\x01\xff",
        b"\x00\x01a\x7f\xff\xff\xff",
        b"\x00\x01a\xff\xff\xff\xff",
        b"\x00\x01a\x00\x00\x00\x00\x7f\xff\xff\xff",
    ],
    ids=["null", "long string", "not utf-8", "long array", "null array", "long records"],
)
def test_lengths_that_cannot_be_are_refused_before_anything_is_allocated(data: bytes) -> None:
    with pytest.raises(CorruptMessage):
        decode(Sample, 0, flexible=False, data=data)


@pytest.mark.parametrize(
    "data",
    [b"\x01", b"\xff\xff\xff\xff\x0f", b"\x02a\0\0\0\0\1\0\xff\xff\xff\xff\x0f"],
    ids=["empty", "long string", "many tags"],
)
def test_so_are_those_of_flexible_versions(data: bytes) -> None:
    with pytest.raises(CorruptMessage):
        decode(Sample, 1, flexible=True, data=data)


def test_records_are_a_view_of_the_frame() -> None:
    frame = b"\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01t"
    frame += b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03abc"

    request = decode(ProduceRequest, 3, flexible=False, data=frame)

    records = request.topic_data[0].partition_data[0].records
    assert isinstance(records, memoryview)
    assert records.obj is frame


def test_librdkafkas_three_bytes_too_many_are_ignored() -> None:
    request = decode(MetadataRequest, 12, flexible=True, data=b"\0\0\0\0\1\0\0")

    assert request.topics is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A message inside another."""

    name: String


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """A message with one in its place, and one that may be null."""

    always: Inner
    sometimes: Inner | None = wire(None)
    count: Int32 = wire(0)


@pytest.mark.parametrize(
    ("sometimes", "written"), [(None, b"\xff"), (Inner(name="b"), b"\x01\x00\x01b")]
)
def test_a_message_in_another_may_be_null_where_a_byte_says_so(
    sometimes: Inner | None, written: bytes
) -> None:
    message = Outer(always=Inner(name="a"), sometimes=sometimes, count=5)

    encoded = b"".join(encode(message, 0, flexible=False))

    assert encoded == b"\x00\x01a" + written + b"\x00\x00\x00\x05"
    assert decode(Outer, 0, flexible=False, data=encoded) == message
