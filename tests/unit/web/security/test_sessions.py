from tests.support.console import TestedConsole
from web.security.accounts import change_account, list_accounts, reset_password
from web.security.audit import COMMAND_LINE
from web.security.roles import Role


def _begin(console: TestedConsole) -> str:
    console.account(Role.ADMINISTRATOR)
    console.account(Role.VIEWER)
    viewer = next(a for a in list_accounts(console.database) if a.name == "viewer")
    return console.console.sessions.begin(viewer.id, address="192.0.2.1", agent="test")


def test_a_session_ends_after_idling(console: TestedConsole) -> None:
    cookie = _begin(console)

    console.clock.turn(hours=11)
    assert console.console.sessions.find(cookie) is not None
    console.clock.turn(hours=11)
    assert console.console.sessions.find(cookie) is not None
    console.clock.turn(hours=13)
    assert console.console.sessions.find(cookie) is None


def test_a_session_ends_in_any_case_after_its_lifetime(console: TestedConsole) -> None:
    cookie = _begin(console)

    for _ in range(17):
        console.clock.turn(hours=10)
        found = console.console.sessions.find(cookie)

    assert found is None


def test_a_cookie_that_was_tampered_with_is_nobodys(console: TestedConsole) -> None:
    cookie = _begin(console)
    bits, _, signature = cookie.rpartition(".")

    for forged in ("", "x", bits, f"{bits}.", f"{bits[:-1]}A.{signature}", f"{cookie}x", "a.b.c"):
        assert console.console.sessions.find(forged) is None
    assert console.console.sessions.find(cookie) is not None


def test_a_disabled_account_is_signed_out_at_once(console: TestedConsole) -> None:
    cookie = _begin(console)
    viewer = next(a for a in list_accounts(console.database) if a.name == "viewer")

    change_account(console.database, viewer.id, actor=COMMAND_LINE, disabled=True)

    assert console.console.sessions.find(cookie) is None


def test_a_new_password_signs_out_everywhere(console: TestedConsole) -> None:
    cookie = _begin(console)
    viewer = next(a for a in list_accounts(console.database) if a.name == "viewer")

    reset_password(console.database, viewer.id, actor=COMMAND_LINE)

    assert console.console.sessions.find(cookie) is None
