from tests.support.console import TestedConsole
from web.security.guard import face_of
from web.security.roles import Role


async def test_every_answer_carries_the_headers_that_browsers_obey(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        for path in ("/login", "/", "/nothing", "/healthz", "/static/console.css", "/api/v1/x"):
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        answer = await browser.post("/login", data={"username": "x" * (2 << 20)})

        assert answer.status_code == 413


async def test_no_page_answers_somebody_who_is_not_signed_in(console: TestedConsole) -> None:
    paths = [
        "/", "/alerts", "/search", "/rules", "/topics", "/topics/x", "/pipeline", "/series",
        "/clicks", "/notifications", "/admin", "/admin/tokens", "/admin/accounts", "/admin/audit",
        "/profile", "/profile/password", "/no/such/page",
    ]  # fmt: skip
    async with console.browser() as browser:
        for path in paths:
            answer = await browser.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login"), path


async def test_pages_hold_no_inline_script_or_style(console: TestedConsole) -> None:
    console.account(Role.ADMINISTRATOR)
    async with console.browser() as browser:
        pages = [await browser.get("/login")]
        await browser.sign_in("administrator")
        for path in ("/profile", "/admin/tokens", "/admin/accounts", "/admin/audit"):
            pages.append(await browser.get(path))

    for found in pages:
        assert " style=" not in found.text
        assert "<style" not in found.text
        assert " onclick=" not in found.text
        assert "<script>" not in found.text


def test_a_request_belongs_to_one_face() -> None:
    for path, face in (
        ("/", "page"), ("/api/v1/events", "api"), ("/healthz", "api"), ("/static/x.css", "static"),
        ("/streams/overview", "stream"), ("/statistics", "page"),
    ):  # fmt: skip
        assert face_of({"path": path, "headers": []}) == face
    assert face_of({"path": "/", "headers": [(b"hx-request", b"true")]}) == "fragment"
