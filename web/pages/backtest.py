"""What a rule, or all that are switched off, would have alerted on, before it is switched on."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from detections.backtest import needed
from detections.trial import Request as TrialRequest
from detections.trial import bus_in_the_clear
from web.dependencies import ActorDep, Analyst, Console, ConsoleDep, Viewer
from web.operations.trials import TooManyTrials
from web.rendering import page
from web.rendering.backtests import chart_of
from web.rulebook import switches

router = APIRouter(prefix="/rules")

# Stands for all rules that are switched off, where a rule's id would.
SWITCHED_OFF = "switched-off"
SPANS = {
    "1h": ("The last hour", timedelta(hours=1)),
    "24h": ("24 hours", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
SHARES = {1: "Every event", 10: "Every 10th event", 100: "Every 100th event"}


@router.get("/{rule_id}/backtest")
async def show(request: Request, console: ConsoleDep, user: Viewer, rule_id: str) -> Response:
    """The newest backtest of the rule, as far as it is."""
    return await _answer(request, console, rule_id)


@router.post("/{rule_id}/backtest")
async def start(
    request: Request,
    console: ConsoleDep,
    user: Analyst,
    actor: ActorDep,
    rule_id: str,
    span: Annotated[str, Form(max_length=10)] = "24h",
    one_in: Annotated[int, Form()] = 1,
) -> Response:
    """Begin one; it runs beside the console."""
    chosen = await _chosen(console, rule_id)
    if span not in SPANS or one_in not in SHARES:
        raise HTTPException(422, "Choose one of the ranges and shares that the page offers.")
    if not chosen:
        raise HTTPException(422, "No rule is switched off.")
    length = SPANS[span][1]
    rules = needed(console.rulebook.rules, chosen)
    wanted = TrialRequest(
        bus=bus_in_the_clear(console.pipeline.bus),
        rules=tuple(rules.rules),
        correlations=tuple(rules.correlations),
        chosen=tuple(sorted(chosen)),
        since_ms=round((console.database.now() - length).timestamp() * 1_000),
        one_in=one_in,
    )
    try:
        console.trials.start(rule_id, wanted, span=length, started_by=actor.name)
    except TooManyTrials as error:
        return await _answer(request, console, rule_id, problem=str(error), status=409)
    return RedirectResponse(f"/rules/{rule_id}/backtest", 303)


@router.post("/{rule_id}/backtest/cancel")
async def cancel(console: ConsoleDep, user: Analyst, rule_id: str) -> Response:
    """Stop it."""
    console.trials.cancel(rule_id)
    return RedirectResponse(f"/rules/{rule_id}/backtest", 303)


async def _chosen(console: Console, rule_id: str) -> frozenset[str]:
    """Ids of the rules that are meant.

    Raises:
        HTTPException: 404, no rule with this id is loaded.
    """
    loaded = console.rulebook.every
    if rule_id == SWITCHED_OFF:
        found = await console.database.run(switches)
        return frozenset(id for id, switch in found.items() if not switch.enabled and id in loaded)
    if rule_id not in loaded:
        raise HTTPException(
            404, "No rule with this id is loaded. Its file may have gone or changed."
        )
    return frozenset({rule_id})


async def _answer(
    request: Request, console: Console, rule_id: str, *, problem: str = "", status: int = 200
) -> Response:
    chosen = await _chosen(console, rule_id)
    rule = console.rulebook.every.get(rule_id)
    trial = console.trials.of(rule_id)
    report = trial.outcome.report if trial is not None and trial.outcome is not None else None
    alone = report.rules[0] if report is not None and rule is not None else None
    return page(
        request,
        "backtest",
        status=status,
        rule_id=rule_id,
        title=rule.title if rule is not None else "Rules that are switched off",
        is_one=rule is not None,
        count=len(chosen),
        spans=SPANS,
        shares=SHARES,
        trial=trial,
        report=report,
        alone=alone,
        chart=chart_of(alone.by_day, trial.started, trial.span) if alone and trial else None,
        problem=problem,
    )
