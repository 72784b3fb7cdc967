"""Variable-length integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.errors import CorruptMessage
from broker_core.protocol.primitives import (
    read_unsigned_varint,
    read_varlong,
    unsigned_varint,
    varlong,
)


@given(value=st.integers(0, 2**32 - 1))
def test_unsigned_varints_come_back(value: int) -> None:
    encoded = unsigned_varint(value)
    assert read_unsigned_varint(b"x" + encoded + b"x", 1) == (value, 1 + len(encoded))


@given(value=st.integers(-(2**63), 2**63 - 1))
def test_varlongs_come_back(value: int) -> None:
    encoded = varlong(value)
    assert read_varlong(b"x" + encoded + b"x", 1) == (value, 1 + len(encoded))


def test_known_encodings() -> None:
    assert unsigned_varint(300) == b"\xac\x02"
    assert [varlong(value) for value in (0, -1, 1, -2)] == [b"\0", b"\1", b"\2", b"\3"]


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff\xff\xff\xff\x10", b"\x80" * 6])
def test_unsigned_varints_that_do_not_end_or_fit(data: bytes) -> None:
    with pytest.raises(CorruptMessage):
        read_unsigned_varint(data, 0)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 9 + b"\x02", b"\x80" * 11])
def test_varlongs_that_do_not_end_or_fit(data: bytes) -> None:
    with pytest.raises(CorruptMessage):
        read_varlong(data, 0)
