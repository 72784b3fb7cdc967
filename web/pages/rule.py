"""One rule: its text and facts, its switch, its alerts, and what it makes of an event."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.correlation.links import references
from detections.explain import RuleExplanation, explain
from detections.log_source import sources_of
from pipeline.errors import PipelineError, QueryInvalid
from pipeline.parsing.detect import Dialect, parse
from pipeline.schema.event import Value
from pipeline.store.queries.alerts import AlertFilter, count_by_level
from pipeline.store.queries.events import by_id
from pipeline.store.queries.span import Span
from web.dependencies import ActorDep, Console, ConsoleDep, Engineer, Viewer
from web.investigate import TriagedAlert, triaged
from web.pages.rules import WEEK
from web.rendering import page
from web.rendering.evidence import Line, annotate
from web.rendering.rules import facts_of, file_of, log_source_text, unfolded
from web.rendering.verdicts import Branch, branch_of, sentence
from web.rulebook import RuleConflict, Switch, set_enabled, switches

router = APIRouter(prefix="/rules")

RECENT = 10
MOST_CHARACTERS = 200_000
Pasted = Annotated[str, Form(max_length=MOST_CHARACTERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An event to try a rule on.

    Attributes:
        fields: As a parser gives them.
        raw: Its text.
    """

    fields: dict[str, Value]
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a rule makes of an event.

    Attributes:
        title: Of the rule.
        sentence: The verdict's reason in one line.
        tree: The condition.
    """

    title: str
    result: RuleExplanation
    sentence: str
    tree: Branch


@router.get("/{rule_id}")
async def show(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    rule_id: str,
    event: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """One rule, tried on a stored event if one is named."""
    sample, problem = await _stored(console, event.strip())
    return await _answer(request, console, rule_id, event=event, sample=sample, problem=problem)


@router.post("/{rule_id}/try")
async def try_on_text(
    request: Request, console: ConsoleDep, user: Viewer, rule_id: str, text: Pasted = ""
) -> Response:
    """One rule, tried on what was pasted; nothing is stored."""
    if not text.strip():
        problem = "Paste an event as JSON, or a log line."
        return await _answer(request, console, rule_id, problem=problem, status=422)
    sample = await asyncio.to_thread(sample_of, text, datetime.now(UTC))
    return await _answer(request, console, rule_id, text=text, sample=sample)


@router.post("/{rule_id}/switch")
async def switch(
    request: Request,
    console: ConsoleDep,
    user: Engineer,
    actor: ActorDep,
    rule_id: str,
    enabled: Annotated[bool, Form()],
    revision: Annotated[int, Form(ge=0)],
    back: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Evaluate the rule, or not for now; afterwards the page that the switch was on."""
    _find(console, rule_id)
    try:
        await console.database.run(
            set_enabled, rule_id, enabled=enabled, actor=actor, revision=revision
        )
    except RuleConflict as error:
        return await _answer(request, console, rule_id, conflict=str(error).strip(), status=409)
    there = back if back == "/rules" or back.startswith("/rules?") else f"/rules/{rule_id}"
    return RedirectResponse(there, 303)


def sample_of(text: str, received: datetime) -> Sample:
    """What was pasted, read as a collector would read it: JSON, or a log line.

    JSON as the event drawer shows it is taken by its ``fields`` and ``raw``.
    """
    stripped = text.strip()
    dialect = Dialect.JSON if stripped.startswith("{") else Dialect.SYSLOG
    fields = parse(stripped.encode(), received=received, dialect=dialect).fields
    nested = {
        name.removeprefix("fields."): value
        for name, value in fields.items()
        if name.startswith("fields.")
    }
    if nested and "id" in fields and "source" in fields:
        return Sample(fields=nested, raw=str(fields.get("raw", "")))
    return Sample(fields=fields, raw=stripped)


async def _stored(console: Console, event_id: str) -> tuple[Sample | None, str]:
    """The event with an id, or what to say instead."""
    if not event_id:
        return None, ""
    try:
        found = await by_id(console.store, event_id)
    except QueryInvalid:
        return None, "This is not the id of an event: it is cut off, or has a sign too many."
    except PipelineError:
        return None, "The store did not answer. Try again in a moment, or paste the event."
    if found is None:
        return None, "No event with this id is stored, or its time to be kept is over."
    event = found.event
    return Sample(fields=dict(event.fields), raw=event.raw.decode("utf-8", "replace")), ""


def _find(console: Console, rule_id: str) -> Rule | Correlation:
    """The rule or correlation with an id.

    Raises:
        HTTPException: 404, there is none.
    """
    rule = console.rulebook.every.get(rule_id)
    if rule is None:
        raise HTTPException(404, "No rule with this id is loaded. Its file may have gone.")
    return rule


async def _answer(
    request: Request,
    console: Console,
    rule_id: str,
    *,
    status: int = 200,
    sample: Sample | None = None,
    event: str = "",
    text: str = "",
    problem: str = "",
    conflict: str = "",
) -> Response:
    rule = _find(console, rule_id)
    switched = await console.database.run(switches)
    recent, week = await _alerts(console, rule_id)
    counted = _counted(console, rule)
    read = [rule] if isinstance(rule, Rule) else counted
    tried = [_tried(one, sample) for one in read] if sample else []
    file, is_shipped = file_of(rule.path)
    return page(
        request,
        "rule",
        status=status,
        rule=rule,
        facts=facts_of(rule.text),
        switch=switched.get(rule.id) or Switch(rule_id=rule.id),
        log_source=log_source_text(rule),
        file=file,
        is_shipped=is_shipped,
        counted=counted,
        texts=_texts(rule, counted, tried),
        recent=recent,
        week=week,
        tried=tried,
        event_id=event,
        text=text,
        problem=problem,
        conflict=conflict,
        most_characters=MOST_CHARACTERS,
    )


async def _alerts(console: Console, rule_id: str) -> tuple[tuple[TriagedAlert, ...] | None, int]:
    """The rule's newest alerts and how many there were in seven days; None without an answer."""
    now = console.database.now()
    span = Span(now - WEEK, now)
    try:
        found, by_level = await asyncio.gather(
            triaged(console.store, console.database, AlertFilter(rule_ids=[rule_id]), limit=RECENT),
            count_by_level(console.store, AlertFilter(rule_ids=[rule_id], span=span)),
        )
    except PipelineError:
        return None, 0
    return found.items, sum(by_level.values())


def _counted(console: Console, rule: Rule | Correlation) -> list[Rule]:
    """The rules whose hits a correlation counts; none for a rule."""
    if isinstance(rule, Rule):
        return []
    loaded = console.rulebook.rules
    named = references(rule, loaded.correlations)
    return [one for one in loaded.rules if one.id in named or (one.name and one.name in named)]


def _tried(rule: Rule, sample: Sample) -> Tried:
    result = explain(rule, sample.fields, sample.raw)
    return Tried(
        title=rule.title,
        result=result,
        sentence=sentence(rule, result, sources_of(sample.fields)),
        tree=branch_of(result.condition),
    )


def _texts(
    rule: Rule | Correlation, counted: Sequence[Rule], tried: Sequence[Tried]
) -> list[tuple[str, list[Line]]]:
    """The text of the rule, and of those that it counts, with what was seen in an event."""
    results = [[one.result.condition] for one in tried]
    if isinstance(rule, Rule):
        lines = annotate(rule.text, results[0] if results else [], {})
        return [(rule.title, list(unfolded(rule.text, lines)))]
    own = list(unfolded(rule.text, annotate(rule.text, (), {})))
    below = []
    for place, one in enumerate(counted):
        found = results[place] if results else []
        below.append((one.title, list(unfolded(one.text, annotate(one.text, found, {})))))
    return [(rule.title, own), *below]
