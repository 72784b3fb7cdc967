import pytest

from detections.matchers import (
    Compare,
    Exists,
    FieldReference,
    IsNull,
    Regex,
    Test,
    Text,
    Wildcard,
)
from detections.signature import MAX_REMEMBERED_CHARS, Budget, Memo, TestIndex

TESTS: list[tuple[int, Test]] = list(
    enumerate(
        [
            Text("equals", "cmd.exe"),
            Text("equals", "CMD.exe", cased=True),
            Text("startswith", "cmd"),
            Text("endswith", ".exe"),
            Text("contains", "md"),
            Text("contains", "MD", cased=True),
            Wildcard(("c", None, ".e", "", "e")),
            Regex("^C.D"),
            Regex(r"\d"),
            Exists(True),
            Exists(False),
            IsNull(),
            Text("contains", ""),
            FieldReference("other"),
            Compare("gt", 5),
            Text("contains", "a\0b"),
            Text("startswith", "cmd", cased=True),
        ]
    )
)


def test_a_value_is_held_against_every_kind_of_test() -> None:
    index = TestIndex(TESTS)

    assert set(index.satisfied("CMD.exe")) == {0, 1, 2, 3, 4, 5, 6, 7, 9, 12}
    assert set(index.satisfied("7")) == {8, 9, 12, 14}
    assert set(index.satisfied("cmd a\0b")) == {2, 4, 9, 12, 15, 16}
    assert index.absent == {10, 11}


def test_many_values_satisfy_what_at_least_one_does() -> None:
    index = TestIndex(TESTS)

    for texts in (["CMD.exe", "7"], ["CMD.exe"], ["7"], [""], []):
        one_by_one: set[int] = set().union(*map(index.satisfied, texts))
        assert index.satisfied_by_any(texts) == one_by_one


def test_what_begins_in_one_value_does_not_end_in_the_next() -> None:
    index = TestIndex([(0, Text("contains", "ab")), (1, Wildcard((None, "a", None, "b", None)))])

    assert index.satisfied_by_any(["xa", "bx"]) == set()


def test_equal_signatures_have_equal_numbers() -> None:
    memo = Memo(TestIndex(TESTS), Budget(1 << 20))

    assert memo["cmd.exe"] == memo["cmd.exe"]
    assert memo["nothing"] == memo["nothing else"]
    assert memo["cmd.exe"] != memo["nothing"]
    assert memo[4624] == memo["4624"] == memo[4624.0]


def test_a_list_satisfies_what_any_element_does() -> None:
    memo = Memo(TestIndex([(0, Text("equals", "a")), (1, Text("equals", "true"))]), Budget(1 << 20))

    assert memo.signatures[memo.of_list(["a", True, 1])] == {0, 1}
    assert memo.signatures[memo.of_list([1, 2])] == frozenset()
    assert memo.signatures[memo.of_list([])] == frozenset()


def test_what_is_remembered_is_bounded() -> None:
    budget = Budget(100_000)
    memo = Memo(TestIndex(TESTS), budget)
    for number in range(5_000):
        assert memo[f"value {number}"] == memo["value 0"]

    assert budget.rotations > 0
    assert len(memo) < 1_000


def test_a_long_value_is_looked_at_and_not_remembered() -> None:
    memo = Memo(TestIndex(TESTS), Budget(1 << 20))
    value = "x" * MAX_REMEMBERED_CHARS + "md"

    assert 4 in memo.signatures[memo[value]]
    assert value not in memo


@pytest.mark.parametrize("values", [["a", "b"], ["b", "a"]])
def test_after_forgetting_values_are_looked_at_anew(values: list[str]) -> None:
    memo = Memo(TestIndex([(0, Text("equals", "a"))]), Budget(1 << 20))
    assert {memo["a"], memo["b"]} == {0, 1}

    memo.forget()

    assert [memo.signatures[memo[value]] for value in values] == [
        frozenset({0}) if value == "a" else frozenset() for value in values
    ]
