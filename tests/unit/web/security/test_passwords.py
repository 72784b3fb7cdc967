"""Passwords: kept as salted hashes, refused where they are guessed first."""

import pytest

from web.security.errors import InputRefused
from web.security.passwords import (
    LEAST_CHARACTERS,
    MOST_CHARACTERS,
    check_strength,
    hash_password,
    one_time_password,
    verify_password,
)

GOOD = "a horse of correct staples"


def test_a_password_is_known_by_its_hash_and_no_two_hashes_are_alike() -> None:
    first, second = hash_password(GOOD), hash_password(GOOD)

    assert first != second
    assert first.startswith("$argon2id$")
    assert GOOD not in first
    assert verify_password(GOOD, first)
    assert not verify_password(GOOD + " ", first)


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=1$"])
def test_without_a_hash_no_password_is_right(kept: str | None) -> None:
    assert not verify_password(GOOD, kept)


@pytest.mark.parametrize(
    "password",
    ["a" * (LEAST_CHARACTERS - 1), "b4" * 20, "my-Ines-2026", "x" * (MOST_CHARACTERS + 1)],
    ids=["short", "repeats", "holds the name", "long"],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check_strength(password, name="ines")

    assert refused.value.field == "password"


def test_a_good_password_and_every_one_time_password_are_accepted() -> None:
    made = {one_time_password() for _ in range(50)}

    assert len(made) == 50
    for password in (GOOD, "s" * 4 + "abcdef", *made):
        check_strength(password, name="ines")
    assert not any(set("lo01") & set(password) for password in made)
