import pytest

from detections.errors import RuleRejected
from detections.matchers import (
    Cidr,
    Compare,
    Exists,
    FieldReference,
    IsNull,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
    holds_without_value,
    number_of,
    predicate,
    refers,
    text_of,
)

HOLDS: list[tuple[Test, str]] = [
    (Text("equals", "cmd.exe"), "CMD.exe"),
    (Text("startswith", "c:\\"), "C:\\x"),
    (Text("endswith", ".exe"), "a.EXE"),
    (Text("contains", "ärger"), "viel ÄRGER hier"),
    (Text("equals", "CMD", cased=True), "CMD"),
    (Text("startswith", "C", cased=True), "CMD"),
    (Text("endswith", "D", cased=True), "CMD"),
    (Text("contains", "M", cased=True), "CMD"),
    (Wildcard(("a", None, "b")), "A\n\nB"),
    (Wildcard(("a", "", "b")), "a.b"),
    (Wildcard(("A", None), cased=True), "Ab"),
    (Regex("W[0-9]{3}"), "xxW123yy"),
    (Regex("w[0-9]", "i"), "W1"),
    (Regex("^evil$", "m"), "good\nevil\ngood"),
    (Regex("a.b", "s"), "a\nb"),
    (Cidr("10.0.0.0/8"), "10.255.1.2"),
    (Cidr("2001:db8::/32"), "2001:db8::7"),
    (Compare("gt", 10), "11"),
    (Compare("gte", 0.5), "0.5"),
    (Compare("lt", 0), "-1.5"),
    (Compare("lte", 20), "20"),
    (Compare("gt", 10), "9" * 5_000),
    (TimePart("minute", 4), "2026-01-02T03:04:05Z"),
    (TimePart("week", 1), "2026-01-02 03:04:05"),
    (Exists(True), ""),
]
HOLDS_NOT: list[tuple[Test, str]] = [
    (Text("equals", "cmd.exe"), "cmd.exe "),
    (Text("equals", "CMD", cased=True), "cmd"),
    (Text("contains", "M", cased=True), "cmd"),
    (Wildcard(("a", "", "b")), "ab"),
    (Wildcard(("a", None, "b")), "ba"),
    (Regex("W[0-9]{3}"), "w123"),
    (Cidr("10.0.0.0/8"), "10.1.2.3 "),
    (Cidr("10.0.0.0/8"), "not an address"),
    (Cidr("10.0.0.0/8"), "::1"),
    (Compare("gt", 10), "10"),
    (Compare("gt", 10), "abc"),
    (Compare("lte", 20), "20.5"),
    (TimePart("minute", 4), "yesterday"),
    (Exists(False), "x"),
    (IsNull(), ""),
]


@pytest.mark.parametrize(("test", "text"), HOLDS)
def test_a_value_that_satisfies_a_test_is_seen(test: Test, text: str) -> None:
    assert predicate(test)(text)


@pytest.mark.parametrize(("test", "text"), HOLDS_NOT)
def test_a_value_that_does_not_satisfy_a_test_is_not(test: Test, text: str) -> None:
    assert not predicate(test)(text)


def test_a_missing_field_is_null_and_does_not_exist_and_nothing_else() -> None:
    missing = [test for test, _ in [*HOLDS, *HOLDS_NOT] if holds_without_value(test)]

    assert missing == [Exists(False), IsNull()]


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (1, "1"), (1.0, "1"), (-0.0, "0"), (0.5, "0.5"), ("x", "x")],
)
def test_scalars_compare_as_text(value: str | float | bool, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300])
def test_numbers_beyond_the_ordinary_have_a_text_too(value: float) -> None:
    assert text_of(value)


@pytest.mark.parametrize("text", ["", "1_0", " 1", "1 ", "nan", "inf", "0x1", "1e5x"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert number_of(text) is None


def test_a_reference_compares_two_fields() -> None:
    assert refers(FieldReference("b"), "X", "x")
    assert refers(FieldReference("b", starts=True), "Abc", "aB")
    assert refers(FieldReference("b", ends=True), "abC", "bc")
    assert refers(FieldReference("b", starts=True, ends=True), "abc", "B")
    assert not refers(FieldReference("b"), "x", "y")
    with pytest.raises(TypeError):
        predicate(FieldReference("b"))


@pytest.mark.parametrize("pattern", ["(?=look)ahead", r"(a)\1", "(", "a" * 2 + "{1001}"])
def test_a_regular_expression_outside_the_flavor_is_rejected_by_name(pattern: str) -> None:
    with pytest.raises(RuleRejected, match="outside Sigma's flavor"):
        predicate(Regex(pattern))


def test_a_network_that_is_none_is_rejected_by_name() -> None:
    with pytest.raises(RuleRejected, match="is not a network"):
        predicate(Cidr("10.0.0.0/99"))


@pytest.mark.timeout(60)  # what backtracks would not end today
@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(.*a){20}$", "(a*)*b"])
def test_no_pattern_and_no_value_takes_long(pattern: str) -> None:
    holds = predicate(Regex(pattern))

    assert not holds("a" * 1_000_000 + "!")
