from fractions import Fraction

import pytest

from detections.correlation.quantity import MAX_DIGITS, number_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", Fraction(0)),
        ("-1.50", Fraction(-3, 2)),
        (" 7 ", Fraction(7)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1e-2", Fraction(1, 100)),
    ],
)
def test_a_number_is_what_it_says(text: str, number: Fraction) -> None:
    assert number_of(text) == number


def test_ten_tenths_are_one() -> None:
    tenth = number_of("0.1")

    assert tenth is not None
    assert 10 * tenth == 1


@pytest.mark.parametrize(
    "text",
    ["", ".", "e5", "1_000", "0x10", "nan", "inf", "1e9999", "1e309", "9" * (MAX_DIGITS + 1)],
)
def test_what_is_no_number_or_too_large_to_be_meant_is_none(text: str) -> None:
    assert number_of(text) is None
