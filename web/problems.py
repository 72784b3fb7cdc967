"""Exceptions to answers: a page, a toast for htmx, or problem+json for the API (RFC 9457)."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from pipeline.errors import (
    BusRefused,
    BusUnavailable,
    PipelineError,
    QueryInvalid,
    StoreRefused,
    StoreUnavailable,
)
from web.dependencies import PASSWORD_PAGE
from web.metrics import REFUSALS
from web.rendering import page
from web.rulebook import RuleConflict
from web.security.errors import (
    InputRefused,
    PasswordChangeRequired,
    RequestForged,
    RoleTooLow,
    SecurityError,
    SignInRequired,
    TokenRequired,
)
from web.triage import Conflict

log = structlog.get_logger()

WAITING = "Nothing is lost: events wait in the log."


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for a reader.

    Attributes:
        status: The HTTP status.
        title: What happened, in a few words.
        detail: What it means and what to do.
    """

    status: int
    title: str
    detail: str


_KNOWN: tuple[tuple[type[Exception], int, str], ...] = (
    (TokenRequired, 401, "A token is needed"),
    (SignInRequired, 401, "You are signed out"),
    (RoleTooLow, 403, "You may not do this"),
    (RequestForged, 403, "The request was not accepted"),
    (InputRefused, 422, "This cannot be accepted"),
    (Conflict, 409, "Somebody else decided meanwhile"),
    (RuleConflict, 409, "Somebody else decided meanwhile"),
    (QueryInvalid, 422, "The query cannot be read"),
    (StoreUnavailable, 503, "The store did not answer"),
    (StoreRefused, 502, "The store could not answer this"),
    (BusUnavailable, 503, "The log did not answer"),
    (BusRefused, 502, "The log refused this"),
)
_RAISED = (SecurityError, PipelineError, Conflict, RuleConflict)
_TITLES = {
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "The request is too large",
}


def problem_of(error: Exception) -> Problem:
    """The problem behind an exception."""
    for kind, status, title in _KNOWN:
        if isinstance(error, kind):
            detail = str(error)
            if isinstance(error, StoreUnavailable):
                detail = f"{WAITING} {detail}"
            return Problem(status, title, detail)
    if isinstance(error, RequestValidationError):
        return Problem(422, "This cannot be accepted", _describe(error))
    if isinstance(error, HTTPException):
        detail = error.detail if error.detail != _phrase(error.status_code) else ""
        return Problem(error.status_code, _TITLES.get(error.status_code, "It failed"), detail)
    return Problem(
        500, "This went wrong here", "It is our mistake and was written to the log of this console."
    )


def is_api(request: Request) -> bool:
    """Whether a program asks."""
    return request.url.path.startswith("/api/") or request.url.path in ("/healthz", "/metrics")


def answer(request: Request, problem: Problem) -> Response:
    """A problem in the form its reader understands."""
    if is_api(request):
        body = {"type": "about:blank", "title": problem.title, "status": problem.status}
        if problem.detail:
            body["detail"] = problem.detail
        headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
        return JSONResponse(body, problem.status, headers, media_type="application/problem+json")
    name = "problem_toast" if request.headers.get("HX-Request") else "problem"
    return page(request, name, status=problem.status, problem=problem)


def install(app: FastAPI) -> None:
    """Answer every exception that a route raises."""
    for kind in (*_RAISED, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handle)
    app.add_exception_handler(SignInRequired, _to_sign_in)
    app.add_exception_handler(PasswordChangeRequired, _to_password)
    app.add_exception_handler(Exception, _handle_unknown)


async def _handle(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status in (401, 403):
        REFUSALS.labels(reason=type(error).__name__).inc()
    return answer(request, problem)


async def _handle_unknown(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=repr(error), exc_info=error)
    return answer(request, problem_of(error))


async def _to_sign_in(request: Request, error: Exception) -> Response:
    """To the sign-in page and back; programs and streams get a 401."""
    if is_api(request) or request.url.path.startswith("/streams/"):
        return await _handle(request, error)
    wanted = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        wanted += f"?{request.url.query}"
    there = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}"
    return _redirect(request, there)


async def _to_password(request: Request, _: Exception) -> Response:
    return _redirect(request, PASSWORD_PAGE)


def _redirect(request: Request, there: str) -> Response:
    """Send a browser elsewhere; htmx follows a header, because it would swap a redirect in."""
    if request.headers.get("HX-Request"):
        return Response(status_code=204, headers={"HX-Redirect": there})
    return RedirectResponse(there, 303, headers={"Cache-Control": "no-store"})


def _describe(error: RequestValidationError) -> str:
    """One sentence a wrong value."""
    sentences = []
    for found in error.errors():
        where = ".".join(str(part) for part in found["loc"][1:]) or "the body"
        sentences.append(f"{where}: {found['msg']}.")
    return " ".join(sentences)


def _phrase(status: int) -> str:
    """What HTTP calls a status; as a detail it says nothing."""
    return HTTPStatus(status).phrase
