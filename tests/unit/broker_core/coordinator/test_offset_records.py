"""Committed offsets as records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.coordinator.offset_records import (
    CommittedOffset,
    OffsetKey,
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from broker_core.errors import CorruptMessage

TEXT = st.text(max_size=50).filter(lambda text: text.isprintable())
INT64 = st.integers(-(2**63), 2**63 - 1)
KEYS = st.builds(OffsetKey, TEXT, TEXT, st.integers(0, 2**31 - 1))
VALUES = st.builds(CommittedOffset, INT64, st.integers(-1, 2**31 - 1), TEXT, INT64)


@given(key=KEYS)
def test_keys_round_trip(key: OffsetKey) -> None:
    assert decode_key(encode_key(key)) == key


@given(value=VALUES)
def test_values_round_trip(value: CommittedOffset) -> None:
    assert decode_value(encode_value(value)) == value


def test_the_bytes_are_kafkas() -> None:
    assert encode_key(OffsetKey("g", "top", 2)) == b"\0\1\0\1g\0\3top\0\0\0\2"
    assert encode_value(CommittedOffset(5, -1, "m", 9)) == (
        b"\0\3" + b"\0" * 7 + b"\5" + b"\xff" * 4 + b"\0\1m" + b"\0" * 7 + b"\x09"
    )


@given(data=st.binary(max_size=60))
def test_anything_else_is_corrupt_and_nothing_worse(data: bytes) -> None:
    for decode in (decode_key, decode_value):
        try:
            decode(data)
        except CorruptMessage:
            continue


@pytest.mark.parametrize("size", range(22))
def test_what_is_cut_off_is_corrupt(size: int) -> None:
    with pytest.raises(CorruptMessage):
        decode_key(encode_key(OffsetKey("group", "topic", 2))[:size][:19])
    with pytest.raises(CorruptMessage):
        decode_value(encode_value(CommittedOffset(5, -1, "", 9))[:size])
