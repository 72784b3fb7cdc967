import re

from tests.support.console import PASSWORD, TestedConsole
from web.security.accounts import list_accounts
from web.security.audit import latest
from web.security.roles import Role
from web.security.tokens import authorize, list_tokens


async def test_a_token_is_shown_once_and_then_never_again(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR)
    async with console.browser() as browser:
        await browser.sign_in("administrator")

        made = await browser.submit("/admin/tokens", name="web-01", role="ingest")

        (secret,) = re.findall(r"tcs_[\w-]{43}", made.text.split("data-copy")[0])
        assert authorize(console.database, secret, Role.INGEST).name == "web-01"
        later = (await browser.get("/admin/tokens")).text
        assert "web-01" in later
        assert secret not in later
        assert all(secret not in record.detail for _, record in latest(console.database, limit=9))


async def test_a_revoked_token_is_good_for_nothing(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR)
    async with console.browser() as browser:
        await browser.sign_in("administrator")
        await browser.submit("/admin/tokens", name="web-01", role="viewer")
        (token,) = list_tokens(console.database)

        await browser.submit(f"/admin/tokens/{token.id}/revoke")

        assert "Revoked" in (await browser.get("/admin/tokens")).text
        assert (await browser.submit("/admin/tokens/nothing/revoke")).status_code == 404


async def test_only_administrators_administer(console: TestedConsole) -> None:
    for role in (Role.VIEWER, Role.ANALYST, Role.ENGINEER):
        console.account(role)
        async with console.browser() as browser:
            await browser.sign_in(role.value)
            for path in ("/admin", "/admin/tokens", "/admin/accounts", "/admin/audit"):
                answer = await browser.get(path)
                assert answer.status_code == 403
                assert f"yours is {role.value}" in answer.text
            for path in ("/admin/tokens", "/admin/accounts", "/admin/tokens/x/revoke"):
                assert (await browser.submit(path, name="x", role="viewer")).status_code == 403

    assert list_tokens(console.database) == []


async def test_a_viewer_adds_no_destination(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        answer = await browser.submit(
            "/notifications", name="x", url="https://x.example/", minimum_level="low"
        )

        assert answer.status_code == 403
        assert "engineer" in answer.text


async def test_a_name_written_as_script_is_shown_as_text(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR)
    script = "<script>alert(1)</script>"
    async with console.browser() as browser:
        await browser.sign_in("administrator")
        await browser.submit("/admin/accounts", name="eve", full_name=script, role="viewer")
        await browser.submit("/admin/tokens", name=script, role="viewer")

        for path in ("/admin/accounts", "/admin/tokens", "/admin/audit"):
            page = (await browser.get(path)).text
            assert "<script>alert" not in page
            if path != "/admin/audit":
                assert "&lt;script&gt;" in page


async def test_what_a_form_got_wrong_stands_beside_its_field(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR)
    async with console.browser() as browser:
        await browser.sign_in("administrator")

        answer = await browser.submit("/admin/accounts", name="a b", role="viewer")
        assert answer.status_code == 422
        assert 'aria-describedby="name-error"' in answer.text

        again = await browser.submit("/admin/accounts", name="administrator", role="viewer")
        assert "There is an account named administrator already." in again.text


async def test_the_last_administrator_cannot_be_taken_away(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR)
    (admin,) = list_accounts(console.database)
    async with console.browser() as browser:
        await browser.sign_in("administrator")

        for values in ({"role": "viewer"}, {"disabled": "true"}):
            answer = await browser.submit(f"/admin/accounts/{admin.id}", **values)
            assert answer.status_code == 422

    assert list_accounts(console.database)[0].role is Role.ADMINISTRATOR


async def test_a_new_password_must_differ_be_long_and_be_typed_twice(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")
        cases = [
            (PASSWORD, PASSWORD, PASSWORD, "is the old one"),
            ("wrong", "another long one", "another long one", "not your present password"),
            (PASSWORD, "short", "short", "at least 10 characters"),
            (PASSWORD, "aaaaaaaaaaaa", "aaaaaaaaaaaa", "guessed first"),
            (PASSWORD, "viewer viewer", "viewer viewer", "guessed first"),
            (PASSWORD, "another long one", "another lond one", "differ"),
        ]
        for old, new, again, says in cases:
            answer = await browser.submit("/profile/password", old=old, password=new, again=again)
            assert answer.status_code == 422
            assert says in answer.text
