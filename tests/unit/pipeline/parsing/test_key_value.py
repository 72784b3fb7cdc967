"""name=value pairs: quoting, numbers, and what is no pair."""

import pytest

from pipeline.parsing.key_value import number, pairs
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("22", 22),
        ("-13", -13),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("0100044547", "0100044547"),
        ("-0", "-0"),
        ("-", "-"),
        ("", ""),
        ("1.5", "1.5"),
        ("9" * 5_000, "9" * 5_000),
        ("²", "²"),
    ],
)
def test_decimals_that_fit_64_bits_are_numbers(text: str, value: Value) -> None:
    found = number(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a=1 b="two words" c=', {"a": 1, "b": "two words", "c": ""}),
        (r'a="say \"hi\" \\ bye"', {"a": 'say "hi" \\ bye'}),
        ('a="1"', {"a": "1"}),
        ("a=1 a=2", {"a": 2}),
        ("http.method=GET x-id=7", {"http.method": "GET", "x-id": 7}),
        ("1a=2 =3 words alone", {}),
        ("", {}),
    ],
)
def test_reads_pairs(text: str, expected: dict[str, Value]) -> None:
    assert pairs(text) == expected
