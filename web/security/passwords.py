"""Hash and verify passwords: argon2id with the library's current parameters (RFC 9106).

A hash takes some 50 ms and 64 MiB on purpose: call from a thread, a few at a time.
"""

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from web.security.errors import InputRefused

LEAST_CHARACTERS = 10
MOST_CHARACTERS = 256
AT_A_TIME = 4

# Without look-alikes, so that a password can be read from a terminal and typed.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_hasher = PasswordHasher()
_slots = threading.BoundedSemaphore(AT_A_TIME)
# What an unknown name is verified against, so that it takes as long as a known one.
_NOBODY = _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """The hash to keep, with salt and parameters in it."""
    with _slots:
        return _hasher.hash(password)


def verify_password(password: str, kept: str | None) -> bool:
    """Whether the password is the one whose hash was kept; as slow when there is none."""
    with _slots:
        try:
            _hasher.verify(kept or _NOBODY, password[:MOST_CHARACTERS])
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


def check_strength(password: str, *, name: str) -> None:
    """Refuse what is guessed first.

    Raises:
        InputRefused: Too short, too long, one character repeated, or the name itself.
    """
    if len(password) < LEAST_CHARACTERS:
        raise InputRefused(
            f"A password has at least {LEAST_CHARACTERS} characters; this one has {len(password)}.",
            field="password",
        )
    if len(password) > MOST_CHARACTERS:
        raise InputRefused(
            f"A password has at most {MOST_CHARACTERS} characters.", field="password"
        )
    if len(set(password)) < 4 or name.lower() in password.lower():
        raise InputRefused(
            "This password is guessed first: it repeats a few characters or holds the name.",
            field="password",
        )


def one_time_password() -> str:
    """A password of 80 random bits to be replaced at the first sign-in."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)
