"""Strings in records of internal topics: read as written, and never beyond what is there."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.coordinator.record_strings import read_string, write_string
from broker_core.errors import CorruptMessage


@given(text=st.text(max_size=200), before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_a_string_is_read_where_it_was_written(text: str, before: bytes, after: bytes) -> None:
    written = write_string(text)

    assert read_string(before + written + after, len(before)) == (text, len(before + written))


@pytest.mark.parametrize("data", [write_string("group")[:-1], struct.pack(">h", -1)])
def test_a_string_that_is_cut_off_is_named(data: bytes) -> None:
    with pytest.raises(CorruptMessage, match="is cut off"):
        read_string(data, 0)
