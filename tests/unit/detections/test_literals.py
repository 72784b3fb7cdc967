import re

import pytest

from detections.literals import ContainsSearch, PrefixSearch, required_literal, utf8


@pytest.mark.parametrize("extra", [0, 100])
def test_few_and_many_literals_are_found_alike(extra: int) -> None:
    literals = ["mimi", "katz", "ärger", "/etc/passwd"]
    search = ContainsSearch([*literals, *(f"never-{number}" for number in range(extra))])

    assert sorted(search.find("xmimikatz mimi viel ärger")) == [0, 1, 2]
    assert sorted(search.find("cat /etc/passwd")) == [3]
    assert list(search.find("")) == []


def test_a_search_forgets_what_it_found_before() -> None:
    search = ContainsSearch([f"word{number}" for number in range(20)])
    first = search.find("word7")

    assert list(search.find("nothing")) == []
    assert first == [7]


def test_half_a_surrogate_pair_stops_no_search() -> None:
    search = ContainsSearch([f"word{number}" for number in range(20)])

    assert search.find("\ud800 word3 ") == [3]
    assert utf8("\ud800") == b"\xed\xa0\x80"


def test_every_literal_that_begins_a_text_is_found() -> None:
    literals = ["c:", "c:\\win", "c:\\windows", "d:", "c:\\wine", ""]
    search = PrefixSearch(literals)

    assert sorted(search.find("c:\\windows\\x")) == [0, 1, 2, 5]
    assert sorted(search.find("c:\\wine")) == [0, 1, 4, 5]
    assert sorted(search.find("b")) == [5]


def test_a_literal_that_stands_twice_is_found_twice() -> None:
    assert sorted(PrefixSearch(["a", "a", "b"]).find("ab")) == [0, 1]


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        (r"powershell(\.exe)?\s+-enc", "powershell"),
        (r"(?:abc)+x", "abc"),
        (r"\d+foo\.EXE", "foo.exe"),
        (r"a|b", ""),
        (r"\d+", ""),
        (r"(abc)*", ""),
        (r"[abc]x", "x"),
        (r"(?!abc)xy", "xy"),
        (r"[a-z]+foo[0-9]", "foo"),
        (r"[[:alpha:]]x", ""),
        (r"[]a[:alpha:]]x", ""),
        (r"[a&&b]x", ""),
        (r"\Qa.b\E", ""),
        (r"(", ""),
        (r"\pLabc", ""),
    ],
)
def test_the_literal_that_every_match_contains(pattern: str, literal: str) -> None:
    assert required_literal(pattern) == literal


@pytest.mark.parametrize("pattern", ["(?i)desk", "(?mi)desk", "(?i:desk)"])
def test_letters_with_unusual_other_cases_are_not_required(pattern: str) -> None:
    assert required_literal(pattern) == required_literal("desk", "i") == "de"
    assert re.search("(?i)desk", "de\N{LATIN SMALL LETTER LONG S}\N{KELVIN SIGN}")
