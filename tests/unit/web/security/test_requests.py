import pytest

from tests.support.console import TestedConsole
from web.security.errors import RequestForged
from web.security.requests import demand_csrf, demand_same_site
from web.security.roles import Role


async def test_an_unsafe_request_without_its_token_changes_nothing(
    console: TestedConsole,
) -> None:
    console.account(Role.ADMINISTRATOR)
    async with console.browser() as browser:
        await browser.sign_in("administrator")

        for data in ({}, {"csrf": "guess"}, {"csrf": ""}):
            answer = await browser.post("/profile/preferences", data={"theme": "dark", **data})
            assert answer.status_code == 403
            assert "Nothing was changed" in answer.text

        assert 'data-theme="dark"' not in (await browser.get("/profile")).text


async def test_htmx_proves_itself_by_a_header(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        answer = await browser.post(
            "/profile/preferences",
            data={"theme": "dark"},
            headers={"X-CSRF-Token": browser.csrf},
        )

        assert answer.status_code == 303
        assert 'data-theme="dark"' in (await browser.get("/profile")).text


async def test_another_session_s_token_is_not_accepted(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as one, console.browser() as other:
        await one.sign_in("viewer")
        await other.sign_in("viewer")
        one.csrf = other.csrf

        assert (await one.submit("/profile/preferences", theme="dark")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "host": "console.test"},
        {"origin": "null", "host": "console.test"},
        {"origin": "http://console.test:81", "host": "console.test"},
    ],
)
def test_what_another_site_sent_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(RequestForged):
        demand_same_site(headers)


def test_what_our_own_page_sent_is_taken() -> None:
    demand_same_site({"sec-fetch-site": "same-origin", "origin": "http://a.test", "host": "a.test"})
    demand_same_site({})
    demand_csrf("token", "token")


def test_a_token_that_is_not_ascii_is_refused_like_any_other() -> None:
    with pytest.raises(RequestForged):
        demand_csrf("token", "tökén")
