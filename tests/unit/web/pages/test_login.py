import re
from pathlib import Path

import pytest

from tests.support.console import PASSWORD, TestedConsole
from web.security.accounts import create_account
from web.security.audit import COMMAND_LINE, latest
from web.security.roles import Role
from web.security.sign_in import sign_in


async def test_somebody_without_a_session_is_sent_to_sign_in_and_back(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        answer = await browser.get("/topics?internal=false")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/login?next=/topics%3Finternal%3Dfalse",
        )

        answer = await browser.post(
            "/login",
            data={"username": "viewer", "password": PASSWORD, "next": "/topics?internal=false"},
        )

        assert answer.headers["location"] == "/topics?internal=false"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "https:/evil.example",
        "evil.example",
        "///evil.example",
        "/\n//evil.example",
    ],
)
async def test_signing_in_never_leads_to_another_site(
    console: TestedConsole, elsewhere: str
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        form = await browser.get("/login", params={"next": elsewhere})
        assert 'name="next" value="/"' in form.text

        answer = await browser.post(
            "/login", data={"username": "viewer", "password": PASSWORD, "next": elsewhere}
        )

        assert answer.headers["location"] == "/"


async def test_a_wrong_password_says_how_many_tries_are_left(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        answer = await browser.sign_in("viewer", "wrong")

        assert answer.status_code == 401
        assert "Name and password do not match. 4 tries left before a pause of 15 min." in (
            answer.text
        )


async def test_after_five_wrong_passwords_even_the_right_one_waits(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        for _ in range(5):
            await browser.sign_in("viewer", "wrong")

        answer = await browser.sign_in("viewer")
        assert answer.status_code == 429
        assert "The next try is looked at in 15 min." in answer.text

        console.clock.turn(minutes=16)
        answer = await browser.sign_in("viewer")
        assert answer.status_code == 303


async def test_a_name_that_does_not_exist_is_answered_like_one_that_does(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        known = [await browser.sign_in("viewer", "wrong") for _ in range(6)]
        unknown = [await browser.sign_in("nobody", "wrong") for _ in range(6)]

        assert [answer.status_code for answer in known] == [
            answer.status_code for answer in unknown
        ]
        for left, right in zip(known, unknown, strict=True):
            assert _timeless(left.text.replace("viewer", "nobody")) == _timeless(right.text)


async def test_one_address_cannot_try_many_names(tmp_path: Path) -> None:
    console = TestedConsole(tmp_path, sign_in_tries_per_address=6)
    console.account(Role.VIEWER)
    for number in range(6):
        sign_in(
            console.database,
            console.settings,
            name=f"name-{number}",
            password="wrong",
            address="192.0.2.9",
        )

    async with console.browser(address="192.0.2.9") as browser:
        assert (await browser.sign_in("viewer")).status_code == 429
    async with console.browser(address="192.0.2.10") as browser:
        assert (await browser.sign_in("viewer")).status_code == 303
    console.database.close()


async def test_signing_in_makes_a_session_that_nobody_could_have_set_before(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")
        first = dict(browser.cookies)

        await browser.sign_in("viewer")

        assert dict(browser.cookies) != first
        assert console.console.sessions.find(next(iter(first.values()))) is None


async def test_signing_out_makes_the_cookie_worthless(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")
        stolen = dict(browser.cookies)

        await browser.submit("/logout")

        browser.cookies.update(stolen)
        assert (await browser.get("/")).headers["location"] == "/login"


async def test_another_site_cannot_sign_somebody_in(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        answer = await browser.post(
            "/login",
            data={"username": "viewer", "password": PASSWORD},
            headers={"Origin": "https://evil.example"},
        )

        assert answer.status_code == 403
        assert not browser.cookies


async def test_a_name_typed_as_script_comes_back_as_text(console: TestedConsole) -> None:
    async with console.browser() as browser:
        answer = await browser.sign_in('"><script>alert(1)</script>', "wrong")

        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text


async def test_a_one_time_password_opens_nothing_but_its_replacement(
    console: TestedConsole,
) -> None:
    _, once = create_account(console.database, name="new", role=Role.ANALYST, actor=COMMAND_LINE)
    assert once is not None
    async with console.browser() as browser:
        await browser.sign_in("new", once)
        for path in ("/", "/topics", "/profile", "/admin"):
            assert (await browser.get(path)).headers["location"] == "/profile/password"
        form = await browser.get("/profile/password")
        browser.csrf = form.text.split('name="csrf" value="')[1].split('"')[0]

        answer = await browser.submit(
            "/profile/password", old=once, password=PASSWORD, again=PASSWORD
        )

        assert answer.headers["location"] == "/"
        assert (await browser.get("/profile")).status_code == 200


async def test_every_try_to_sign_in_is_in_the_audit_trail(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser(address="192.0.2.44") as browser:
        await browser.sign_in("viewer", "wrong")
        await browser.sign_in("viewer")

    found = [record for _, record in latest(console.database, limit=2)]

    assert [(record.action, record.address) for record in found] == [
        ("signed_in", "192.0.2.44"),
        ("sign_in_refused", "192.0.2.44"),
    ]


def _timeless(html: str) -> str:
    """A page without the time it was made."""
    return re.sub(r"<time .*?</time>", "", html)
