from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store import native
from pipeline.store.native import Column, Rows


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (16384, "808001")]
)
def test_a_varint_has_seven_bits_a_byte(value: int, encoded: str) -> None:
    assert native.varint(value).hex() == encoded


strings = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.sampled_from(["", "a", "é", "x" * 127, "x" * 128, "x" * 20_000]),
    ),
    max_size=200,
)


@given(values=strings)
def test_a_string_column_is_its_strings_after_each_other(values: list[str]) -> None:
    assert native.strings(values) == b"".join(map(native.text, values))
    assert native.blobs([value.encode() for value in values]) == native.strings(values)


@given(value=st.text(max_size=3), count=st.integers(0, 100))
def test_many_of_few_strings_are_the_same_column(value: str, count: int) -> None:
    assert native.strings([value, "b"] * count) == (native.text(value) + native.text("b")) * count
    assert native.same(value, count) == native.text(value) * count


def test_what_utf8_cannot_say_costs_its_character_only() -> None:
    assert native.strings(["a\ud800b", "c"]) == b"\x03a?b\x01c"


@pytest.mark.parametrize(
    ("code", "value", "encoded"),
    [
        ("H", 70_000, "ffff"),
        ("H", -1, "0000"),
        ("q", 2**70, "ffffffffffffff7f"),
        ("i", -(2**40), "00000080"),
        ("I", 5, "05000000"),
    ],
)
def test_an_integer_that_does_not_fit_becomes_the_nearest(
    code: str, value: int, encoded: str
) -> None:
    assert native.integers(code, [value]).hex() == encoded


@given(values=st.lists(st.uuids().map(str), max_size=20))
def test_uuids_are_two_little_endian_halves(values: list[str]) -> None:
    expected = b"".join(
        (UUID(value).int >> 64).to_bytes(8, "little")
        + (UUID(value).int & (2**64 - 1)).to_bytes(8, "little")
        for value in values
    )

    assert native.uuids(values) == expected


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "not an id",
        "0" * 32,
        "0000000-00000-0000-0000-000000000000",
        "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz",
        "00000000-0000-0000-0000- 0000000000 ",
        "\ud800",
    ],
)
def test_what_is_no_uuid_costs_nobody_else_theirs(odd: str) -> None:
    good = "01234567-89ab-7def-8123-456789abcdef"

    column = native.uuids([good, odd, good])

    assert len(column) == 48
    assert column[:16] == column[32:] == native.uuids([good])
    assert column[16:32] == native.uuids([odd])


def test_rows_name_their_columns() -> None:
    rows = Rows.of([Column("a", "UInt8", b"\x07")], 1)

    assert rows == Rows(("a",), b"\x01\x01\x01a\x05UInt8\x07", 1)
    assert native.ends([2, 0, 1]).hex() == "0200000000000000" * 2 + "0300000000000000"
