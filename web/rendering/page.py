"""The Jinja environment, and the one function that answers with a screen.

A template names its layout ``{% extends layout %}``; the blocks it fills are ``title``, ``bar``
(the head of the page) and ``main``. A block inside ``main`` that htmx may ask for bears the id of
the element around it, with hyphens as underscores: target ``#needs-someone`` is the block
``needs_someone``. Macros are globals: ``ui`` (macros/ui.html) and ``charts``
(macros/charts.html), so that a block renders alone.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import render_block

from web.rendering import words
from web.rendering.assets import static
from web.rendering.navigation import NAVIGATION, is_current

VARY = "HX-Request, HX-Target, Cookie"
TEMPLATES = Path(__file__).parent.parent / "templates"


def _environment() -> Environment:
    """Everything is escaped, and a name that is missing is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        "figure",
        "short",
        "rate",
        "per_second_figure",
        "size",
        "age",
        "seconds",
        "initials",
        "program",
        "techniques",
    ):
        made.filters[name] = getattr(words, name)
    for name in ("clock", "milliseconds", "day", "moment", "zone_name", "plural"):
        made.globals[name] = getattr(words, name)
    made.globals.update(static=static, NAVIGATION=NAVIGATION, is_current=is_current)
    made.globals["ui"] = made.get_template("macros/ui.html").module
    made.globals["charts"] = made.get_template("macros/charts.html").module
    return made


environment = _environment()


def page(request: Request, name: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render ``pages/<name>.html``: all of it, or for htmx only the block it asked for.

    Args:
        request: Whose headers say what is wanted, and whose state says who asks.
        name: The screen, as in ``web.pages``.
        status: Of the response.
        values: What the template needs besides ``context``.
    """
    template = f"pages/{name}.html"
    fragment = _wants_fragment(request)
    context_ = context(request)
    whole = "layouts/page.html" if context_["session"] else "layouts/bare.html"
    context_ |= {"layout": "layouts/fragment.html" if fragment else whole, **values}
    wanted = request.headers.get("HX-Target", "").replace("-", "_")
    if fragment and wanted in environment.get_template(template).blocks:
        html = render_block(environment, template, wanted, context_)
    else:
        html = environment.get_template(template).render(context_)
    return HTMLResponse(html, status, headers={"Vary": VARY, "Cache-Control": "no-store"})


def block(name: str, wanted: str, values: Mapping[str, object]) -> str:
    """One block of a screen, for a stream; ``values`` holds everything that it uses."""
    return render_block(environment, f"pages/{name}.html", wanted, dict(values))


def context(request: Request) -> dict[str, Any]:
    """What every template may use.

    ``now`` and ``zone`` for times; ``session`` (None before signing in) with the account and its
    ``csrf``; ``standing`` for the navigation; ``path``; ``organisation``.
    """
    state = request.app.state
    return {
        "now": datetime.now(UTC),
        "zone": ZoneInfo(state.settings.time_zone),
        "organisation": state.settings.organisation,
        "standing": state.watch.standing,
        "session": getattr(request.state, "session", None),
        "path": request.url.path,
        "version": version("tocsin"),
        "request": request,
    }


def _wants_fragment(request: Request) -> bool:
    """Whether htmx wants a part; what it restores from history or boosts is a whole page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )
