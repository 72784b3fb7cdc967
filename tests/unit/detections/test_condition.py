import pytest

from detections.condition import (
    Conjunction,
    Detection,
    Disjunction,
    Expression,
    Negation,
    Selector,
    holds_on_nothing,
    parse_condition,
)
from detections.errors import RuleRejected

A, B, C = Detection("a"), Detection("b"), Detection("c")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("a", A),
        ("(a)", A),
        ("a or b and c", Disjunction((A, Conjunction((B, C))))),
        ("(a or b) and c", Conjunction((Disjunction((A, B)), C))),
        ("not a and b", Conjunction((Negation(A), B))),
        ("not (a and b)", Negation(Conjunction((A, B)))),
        ("not not a", Negation(Negation(A))),
        ("a and\n  b", Conjunction((A, B))),
        ("a AND NOT b", Conjunction((A, Negation(B)))),
        ("notepad or order", Disjunction((Detection("notepad"), Detection("order")))),
        ("1 of them", Selector(1, "them")),
        ("any of x*", Selector(1, "x*")),
        ("all of x*y", Selector(None, "x*y")),
        ("not 12 of _x*", Negation(Selector(12, "_x*"))),
        ("sel-1.b", Detection("sel-1.b")),
    ],
)
def test_operators_bind_as_the_specification_says(text: str, expression: Expression) -> None:
    assert parse_condition(text) == expression


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends where the name"),
        ("a and", "ends where the name"),
        ("a b", "after 'a', not 'b'"),
        ("(a", "closing parenthesis"),
        ("a)", r"not '\)'"),
        ("and a", "name of a detection"),
        ("1 of", "them, or a pattern"),
        ("1 of (a)", "them, or a pattern"),
        ("0 of them", "'0' of them"),
        ("some of them", "'some' of them"),
        ("a | count() > 5", "write a correlation"),
        ("(" * 60 + "a" + ")" * 60, "nested deeper"),
        ("not " * 60 + "a", "nested deeper"),
        ("a or " * 5_000 + "a", "words"),
    ],
)
def test_what_is_no_condition_is_rejected_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(RuleRejected, match=reason):
        parse_condition(text)


def test_a_selector_chooses_names_by_its_pattern() -> None:
    names = ["sel_a", "sel_b", "filter", "_hidden", "a.b"]

    assert Selector(1, "them").chosen(names) == ["sel_a", "sel_b", "filter", "a.b"]
    assert Selector(1, "sel_*").chosen(names) == ["sel_a", "sel_b"]
    assert Selector(1, "*_a").chosen(names) == ["sel_a"]
    assert Selector(1, "_*").chosen(names) == ["_hidden"]
    assert Selector(1, "a?b").chosen(names) == []
    assert Selector(1, "filter").chosen(names) == ["filter"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a", False),
        ("not a", True),
        ("a and not b", False),
        ("not a and not b", True),
        ("not a or b", True),
        ("not 1 of x*", True),
        ("all of them", False),
    ],
)
def test_whether_a_condition_holds_where_no_detection_does(text: str, holds: bool) -> None:
    assert holds_on_nothing(parse_condition(text)) is holds
