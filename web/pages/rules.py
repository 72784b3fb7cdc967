"""The rules that the detectors evaluate: all of them, and those that could not be loaded."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipeline.errors import PipelineError
from pipeline.schema.alert import LEVELS
from pipeline.store.queries.alerts import AlertFilter, count_by_rule
from pipeline.store.queries.span import Span
from web.dependencies import Console, ConsoleDep, Viewer
from web.rendering import page
from web.rendering.rules import STATES, RulesAddress, rule_list, rule_rows
from web.rulebook import switches
from web.security.roles import Role

router = APIRouter(prefix="/rules")

WEEK = timedelta(days=7)
MOST_RULES = 1_000
Text = Annotated[str, Query(max_length=400)]


@router.get("")
async def show(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    state: Text = "all",
    q: Text = "",
    level: Text = "",
    product: Text = "",
    page_number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """Every rule and correlation, those that fired first; or the files that gave none."""
    address = RulesAddress(
        state=state if state in STATES else "all",
        q=q,
        level=level if level in LEVELS else "",
        product=product,
        page=page_number,
    )
    rule_set = console.rulebook.rules
    fired = await _firings(console)
    rows = rule_rows(rule_set, await console.database.run(switches), fired)
    return page(
        request,
        "rules",
        address=address,
        found=rule_list(rows, address),
        total=len(rows),
        on=sum(row.switch.enabled for row in rows),
        off=sum(not row.switch.enabled for row in rows),
        fired=None if fired is None else sum(1 for row in rows if row.alerts),
        alerts=sum(row.alerts or 0 for row in rows),
        correlations=len(rule_set.correlations),
        problems=rule_set.problems,
        levels=tuple(reversed(LEVELS)),
        may_switch=user.role.includes(Role.ENGINEER),
    )


async def _firings(console: Console) -> dict[str, tuple[int, datetime]] | None:
    """How often rules fired in seven days and when last, by id; None without an answer."""
    now = console.database.now()
    wanted = AlertFilter(span=Span(now - WEEK, now))
    try:
        found = await count_by_rule(console.store, wanted, limit=MOST_RULES)
    except PipelineError:
        return None
    return {firing.rule_id: (firing.alerts, firing.last) for firing in found}
