import pytest

from detections.correlation.expression import MAX_CHARS, MAX_DEPTH, happened, in_order, parse
from detections.errors import RuleRejected


@pytest.mark.parametrize(
    ("text", "present", "holds"),
    [
        ("a", "a", True),
        ("a and b", "a", False),
        ("a and b", "ab", True),
        ("a or b and c", "a", True),
        ("(a or b) and c", "a", False),
        ("(a or b) and c", "bc", True),
        ("not a", "b", True),
        ("not not a", "a", True),
        ("not (a or b) and c", "c", True),
        ("not (a or b) and c", "bc", False),
    ],
)
def test_not_binds_closest_then_and_then_or(text: str, present: str, holds: bool) -> None:
    assert happened(parse(text), dict.fromkeys(present)) == holds


@pytest.mark.parametrize(
    ("text", "events", "holds"),
    [
        ("a and b", "ab", True),
        ("a and b", "ba", False),
        ("a and b", "bab", True),
        ("(a or b) and c", "cb", False),
        ("(a or b) and c", "bc", True),
        ("a and (b and c)", "abc", True),
        ("a and not b and c", "ac", True),
        ("a and not b and c", "acb", False),
        ("a and a", "a", False),
        ("not b", "a", True),
    ],
)
def test_in_order_what_is_joined_comes_one_after_the_other(
    text: str, events: str, holds: bool
) -> None:
    places = {rule: [at for at, one in enumerate(events) if one == rule] for rule in events}

    assert in_order(parse(text), places) == holds


def test_rules_are_named_by_name_or_id_and_told_in_order() -> None:
    term = parse("7a0e-4f5e and not (login.failed or x_1)")

    assert list(term.rules()) == ["7a0e-4f5e", "login.failed", "x_1"]
    assert term.negates()
    assert not parse("a and b").negates()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing"),
        ("a b", "goes on with 'b'"),
        ("(a", "not closed"),
        ("a)", "goes on with"),
        ("a and or b", "'or' where a rule"),
        ("a & b", "which is no rule"),
        ("(" * (MAX_DEPTH + 2) + "a", "nested more than"),
        ("a or " * MAX_CHARS, "characters"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RuleRejected, match=reason):
        parse(text)
