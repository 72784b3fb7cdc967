"""The frame around both index files."""

from array import array

import pytest

from broker_core.log.index_file import decode, encode

COLUMNS = (array("I", [1, 2**32 - 1]), array("q", [-5, 2**62]))
DATA = encode(b"TEST", COLUMNS, log_bytes=77)


def test_round_trip() -> None:
    assert decode(DATA, b"TEST", "Iq", log_bytes=77) == list(COLUMNS)


def test_numbers_are_big_endian_on_disk() -> None:
    assert DATA[20:24] == b"\x00\x00\x00\x01"


@pytest.mark.parametrize("size", range(len(DATA)))
def test_a_cut_file_is_no_index(size: int) -> None:
    assert decode(DATA[:size], b"TEST", "Iq", log_bytes=77) is None


@pytest.mark.parametrize("at", range(len(DATA)))
def test_a_flipped_bit_is_noticed(at: int) -> None:
    data = bytearray(DATA)
    data[at] ^= 0x10

    assert decode(bytes(data), b"TEST", "Iq", log_bytes=77) is None


def test_an_index_of_another_kind_or_another_log_is_not_taken() -> None:
    assert decode(DATA, b"TOIX", "Iq", log_bytes=77) is None
    assert decode(DATA, b"TEST", "Iq", log_bytes=78) is None
    assert decode(DATA, b"TEST", "II", log_bytes=77) is None
