"""What went wrong, in the form its reader understands: a page, a toast, problem+json."""

from starlette.exceptions import HTTPException

from pipeline.errors import BusUnavailable, QueryInvalid, StoreUnavailable
from tests.support.console import TestedConsole
from web.problems import problem_of
from web.security.errors import InputRefused, RoleTooLow
from web.security.roles import Role
from web.security.tokens import create_token


def test_what_failed_says_whether_anything_is_lost() -> None:
    assert problem_of(StoreUnavailable("down")).status == 503
    assert problem_of(StoreUnavailable("down")).detail.startswith("Nothing is lost")
    assert problem_of(BusUnavailable("down")).title == "The log did not answer"


def test_a_mistake_of_ours_shows_nothing_of_our_insides() -> None:
    problem = problem_of(RuntimeError("password=hunter2"))

    assert problem.status == 500
    assert "hunter2" not in problem.title + problem.detail


def test_the_reader_s_mistakes_are_named() -> None:
    assert problem_of(QueryInvalid("no end quote")).detail == "no end quote"
    assert problem_of(InputRefused("too short", field="name")).status == 422
    assert problem_of(RoleTooLow("needs more", needed="engineer")).status == 403
    assert problem_of(HTTPException(404)).detail == ""
    assert problem_of(HTTPException(404, "No such rule.")).detail == "No such rule."


async def test_a_program_gets_problem_json_and_a_person_a_page(console: TestedConsole) -> None:
    secret = create_token(console.database, Role.VIEWER, "script")
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        anonymous = await browser.get("/api/v1/alerts")
        program = await browser.get("/api/v1/alerts", headers={"Authorization": f"Bearer {secret}"})
        await browser.sign_in("viewer")
        page = await browser.get("/alerts")
        toast = await browser.get("/alerts", headers={"HX-Request": "true"})

    assert anonymous.status_code == 401
    assert anonymous.headers["www-authenticate"] == "Bearer"
    assert program.headers["content-type"] == "application/problem+json"
    assert program.json()["title"] == "The store did not answer"
    assert page.status_code == toast.status_code == program.status_code == 503
    assert "<!doctype html>" in page.text
    assert "Try again" in page.text
    assert 'class="toast bad"' in toast.text
    assert "<!doctype" not in toast.text


async def test_an_address_without_a_page_is_not_tried_again(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        page = await browser.get("/nowhere/at<all>")

    assert page.status_code == 404
    assert "No page has the address /nowhere/at&lt;all&gt;." in page.text
    assert "Try again" not in page.text


async def test_who_is_signed_out_comes_back_to_where_they_were(console: TestedConsole) -> None:
    async with console.browser() as browser:
        page = await browser.get("/alerts?state=closed")
        fragment = await browser.get("/alerts?state=closed", headers={"HX-Request": "true"})

    assert page.status_code == 303
    assert page.headers["location"] == "/login?next=/alerts%3Fstate%3Dclosed"
    assert fragment.status_code == 204
    assert fragment.headers["hx-redirect"] == page.headers["location"]


async def test_a_value_that_cannot_be_is_said_by_its_name(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        answer = await browser.get("/rules?page=many")

    assert answer.status_code == 422
    assert "page:" in answer.text
