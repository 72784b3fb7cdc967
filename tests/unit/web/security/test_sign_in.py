"""Signing in: tries are counted by name and address, and the unknown are treated like the known."""

from tests.support.console import PASSWORD, TestedConsole
from web.security.accounts import Account, change_account, list_accounts
from web.security.audit import COMMAND_LINE
from web.security.roles import Role
from web.security.sign_in import Refused, sign_in


def _try(
    console: TestedConsole, name: str, password: str, address: str = "192.0.2.7"
) -> Account | Refused:
    return sign_in(
        console.database, console.settings, name=name, password=password, address=address
    )


def test_a_name_is_known_in_any_case(console: TestedConsole) -> None:
    console.account(Role.ANALYST, "ines")

    found = _try(console, "  INES ", PASSWORD)

    assert isinstance(found, Account)
    assert found.name == "ines"


def test_too_many_tries_pause_even_the_right_password_and_the_pause_ends(
    console: TestedConsole,
) -> None:
    console.account(Role.ANALYST, "ines")
    limit = console.settings.sign_in_tries

    tries = [_try(console, "ines", "wrong", f"192.0.2.{n}") for n in range(limit)]
    during = _try(console, "ines", PASSWORD)
    console.clock.turn(seconds=console.settings.sign_in_pause.total_seconds() + 1)
    after = _try(console, "ines", PASSWORD)

    assert [one.tries_left for one in tries if isinstance(one, Refused)] == [4, 3, 2, 1, 0]
    assert isinstance(during, Refused)
    assert during.paused_until is not None
    assert isinstance(after, Account)


def test_an_unknown_name_is_answered_and_paused_like_a_known_one(console: TestedConsole) -> None:
    console.account(Role.ANALYST, "ines")

    known = [_try(console, "ines", "wrong", "192.0.2.1") for _ in range(6)]
    unknown = [_try(console, "nobody", "wrong", "192.0.2.2") for _ in range(6)]

    assert known == unknown


def test_one_address_cannot_try_many_names(console: TestedConsole) -> None:
    limit = console.settings.sign_in_tries_per_address

    tries = [_try(console, f"name{number}", "wrong") for number in range(limit + 1)]

    last = tries[-1]
    assert isinstance(last, Refused)
    assert last.paused_until is not None


def test_a_disabled_account_is_refused_like_a_wrong_password(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR, "ada")
    console.account(Role.ANALYST, "ines")
    ines = next(one for one in list_accounts(console.database) if one.name == "ines")
    change_account(console.database, ines.id, role=Role.ANALYST, disabled=True, actor=COMMAND_LINE)

    assert _try(console, "ines", PASSWORD) == Refused(console.settings.sign_in_tries - 1)


def test_success_forgets_the_tries_before(console: TestedConsole) -> None:
    console.account(Role.ANALYST, "ines")
    for _ in range(3):
        _try(console, "ines", "wrong")
    _try(console, "ines", PASSWORD)

    assert _try(console, "ines", "wrong") == Refused(console.settings.sign_in_tries - 1)
