import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema.fields import BY_NAME
from pipeline.store.search_language.tree import SHORT_NAMES, Pattern, Wild, lower, words


@given(text=st.text(max_size=50))
def test_lower_case_is_that_of_a_to_z_only(text: str) -> None:
    assert lower(text).encode() == text.encode().lower()


@given(text=st.text(max_size=50))
def test_words_are_runs_of_letters_digits_and_what_is_not_ascii(text: str) -> None:
    found = re.findall(rb"[a-z0-9\x80-\xff]+", text.encode().lower())

    assert [word.encode() for word in words(text)] == found


@pytest.mark.parametrize(
    ("parts", "like", "matching", "other"),
    [
        (("a", Wild.ANY), "a%", "a_%\nb", "ba"),
        ((Wild.ONE, "b"), "_b", "ßb", "b"),
        (("50%_\\", Wild.ANY), "50\\%\\_\\\\%", "50%_\\x", "50xx\\"),
        (("a.b", Wild.ANY), "a.b%", "a.bc", "axbc"),
    ],
)
def test_a_pattern_is_the_same_for_both_back_ends(
    parts: tuple[str | Wild, ...], like: str, matching: str, other: str
) -> None:
    pattern = Pattern(parts)
    expression = re.compile(pattern.expression(), re.DOTALL)

    assert pattern.like() == like
    assert expression.fullmatch(matching)
    assert not expression.fullmatch(other)


def test_short_names_hide_no_field_of_the_dictionary() -> None:
    assert SHORT_NAMES["user"] == "user.name"
    assert SHORT_NAMES["service"] == "logsource.service"
    assert not SHORT_NAMES.keys() & BY_NAME.keys()
    assert set(SHORT_NAMES.values()) <= BY_NAME.keys()
