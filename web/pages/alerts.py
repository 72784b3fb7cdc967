"""Triage alerts: what is open, why each fired, and what was decided about it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.correlation.links import references
from detections.explain import Explanation, explain
from detections.rule_set import RuleSet
from pipeline.errors import QueryInvalid
from pipeline.schema.alert import LEVELS, Alert
from pipeline.schema.event import Event
from pipeline.store.queries.alerts import AlertFilter, count_by_level, deliveries
from pipeline.store.queries.events import by_positions
from pipeline.store.queries.span import Page
from pipeline.store.rows import StoredEvent
from web.dependencies import ActorDep, Analyst, Console, ConsoleDep, Viewer
from web.investigate import (
    TriagedAlert,
    open_by_level,
    span_of,
    triaged,
    triaged_alert,
)
from web.rendering import page
from web.rendering.decided import COOKIE, COOKIE_SECONDS, decided, from_cookie, to_cookie
from web.rendering.evidence import Line, annotate
from web.rendering.search import SearchAddress
from web.triage import (
    Conflict,
    Reason,
    State,
    acknowledge,
    add_note,
    assign,
    close,
    history,
    ids_in,
    reopen,
    states,
    undo,
)

router = APIRouter(prefix="/alerts")

ROWS = 200
_MARGIN = timedelta(minutes=5)
TABS = ("events", "related", "history", "deliveries")
GROUPS = ("none", "rule", "entity")
RANGES = {"24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", "all": "All kept"}
_RANK = {level: rank for rank, level in enumerate(reversed(LEVELS))}
"""Critical first."""
Text = Annotated[str, Query(max_length=400)]
FormText = Annotated[str, Form(max_length=4_000)]
Ids = Annotated[list[str], Form(max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsAddress:
    """What the address of the list holds; each control of it is a link to another one."""

    state: str = "open"
    group: str = "none"
    level: str = ""
    range: str = "7d"
    q: str = ""
    rule: str = ""
    entity: str = ""
    after: str = ""

    def since(self, seen: int) -> str:
        """Where to ask how many came after so many were there."""
        address = self.link()
        return f"{address}{'&' if '?' in address else '?'}{urlencode({'seen': seen})}"

    def link(self, **changes: str) -> str:
        """The address of this list with some of it changed; its page begins anew."""
        values = {name: getattr(self, name) for name in self.__slots__} | {"after": ""} | changes
        defaults = {name: getattr(AlertsAddress(), name) for name in self.__slots__}
        query = urlencode({name: text for name, text in values.items() if text != defaults[name]})
        return f"/alerts?{query}" if query else "/alerts"


@router.get("")
async def show(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    state: Text = "open",
    group: Text = "none",
    level: Text = "",
    range: Text = "7d",
    q: Text = "",
    rule: Text = "",
    entity: Text = "",
    after: Text = "",
    seen: Annotated[int, Query(ge=0, le=1 << 53)] = 0,
) -> Response:
    """The queue: what needs a person first; for htmx how many alerts came since it was drawn."""
    address = AlertsAddress(
        state=state if state in list(State) or state == "any" else "open",
        group=group if group in GROUPS else "none",
        level=level if level in LEVELS else "",
        range=range if range in RANGES else "7d",
        q=q,
        rule=rule,
        entity=entity,
        after=after,
    )
    wanted = _filter(console, address)
    if request.headers.get("HX-Target") == "fresh":
        came = await _kept(console, wanted) - seen
        return page(request, "alerts", address=address, fresh=max(came, 0), seen=seen)
    wanted_state = None if address.state == "any" else State(address.state)
    kept, found, by_level, counts = await asyncio.gather(
        _kept(console, wanted),
        triaged(
            console.store, console.database, wanted, state=wanted_state, limit=ROWS, after=after
        ),
        open_by_level(console.store, console.database, wanted),
        _counts(console),
    )
    return _told(
        request,
        "alerts",
        address=address,
        found=found,
        groups=_grouped(found, address.group),
        by_level=by_level,
        counts=counts,
        levels=tuple(reversed(LEVELS)),
        ranges=RANGES,
        reasons=list(Reason),
        fresh=0,
        seen=kept,
    )


async def _kept(console: Console, wanted: AlertFilter) -> int:
    """How many alerts a filter lets through, whatever was decided about them."""
    by_level = await count_by_level(console.store, wanted)
    return sum(by_level[level] for level in wanted.levels or LEVELS)


def _told(request: Request, name: str, **values: Any) -> Response:
    """A screen that also tells what was just decided, once."""
    told = from_cookie(request.cookies.get(COOKIE, ""))
    response = page(request, name, decided=told, **values)
    if told is not None:
        response.delete_cookie(COOKIE, path=router.prefix)
    return response


def _filter(console: Console, address: AlertsAddress) -> AlertFilter:
    now = console.database.now()
    least = LEVELS.index(address.level) if address.level else 0
    return AlertFilter(
        span=None if address.range == "all" else span_of(f"-{address.range}", None, now),
        levels=LEVELS[least:] if least else (),
        rule_ids=[address.rule] if address.rule else [],
        entity=address.entity,
        text=address.q,
    )


async def _counts(console: Console) -> Mapping[str, int]:
    """How many alerts were taken and closed; the open ones are in the navigation."""
    taken, closed = await asyncio.gather(
        console.database.run(ids_in, [State.ACKNOWLEDGED]),
        console.database.run(ids_in, [State.CLOSED]),
    )
    return {"acknowledged": len(taken), "closed": len(closed)}


def _grouped(found: Page[TriagedAlert], group: str) -> list[tuple[str, list[TriagedAlert]]]:
    """Rows under what they are grouped by; most severe first, then newest."""
    rows = sorted(
        found.items, key=lambda row: (_RANK[row.alert.level], -row.alert.time.timestamp())
    )
    if group == "none":
        return [("", rows)]

    def name(row: TriagedAlert) -> str:
        return row.alert.rule_title if group == "rule" else row.alert.entity or "No entity"

    order = {key: place for place, key in reversed(list(enumerate(map(name, rows))))}
    rows.sort(key=lambda row: order[name(row)])
    return [(key, list(members)) for key, members in groupby(rows, key=name)]


@router.post("/act")
async def act(
    request: Request,
    console: ConsoleDep,
    user: Analyst,
    actor: ActorDep,
    action: FormText,
    alert: Ids,
    reason: FormText = "",
    note: FormText = "",
    assignee: FormText = "",
    revision: Annotated[int | None, Form()] = None,
    back: FormText = "/alerts",
) -> Response:
    """Decide about some alerts; afterwards the page they were chosen on."""
    one = revision if len(alert) == 1 else None
    actions: dict[str, Callable[[], Any]] = {
        "acknowledge": lambda: acknowledge(database, alert, actor=actor, revision=one),
        "close": lambda: close(
            database, alert, reason=reason or Reason.BENIGN, actor=actor, note=note, revision=one
        ),
        "reopen": lambda: reopen(database, alert, actor=actor, revision=one),
        "assign": lambda: assign(
            database, alert, assignee=assignee or actor.name, actor=actor, revision=one
        ),
        "note": lambda: add_note(database, alert[0], note=note, actor=actor),
        "undo": lambda: undo(database, alert, actor=actor),
    }
    database = console.database
    if action not in actions:
        raise HTTPException(422, "There is no such action.")
    before = await database.run(states, alert)
    try:
        await database.run(lambda _: actions[action]())
    except Conflict as error:
        raise HTTPException(409, str(error)) from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    await console.watch.count()
    after = await database.run(states, alert)
    changed = [id for id in after if after[id].revision != before[id].revision]
    there = back if back == "/alerts" or back.startswith(("/alerts?", "/alerts/")) else "/alerts"
    response = RedirectResponse(there, 303)
    if changed:
        value = to_cookie(decided(action, changed))
        response.set_cookie(
            COOKIE,
            value,
            max_age=COOKIE_SECONDS,
            path=router.prefix,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return response


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why an alert fired.

    Attributes:
        sentence: In one line.
        texts: Title and lines of the rule, and of those that a correlation counts.
        is_current: Whether the rule still has the text it fired with.
    """

    sentence: str
    texts: tuple[tuple[str, tuple[Line, ...]], ...]
    is_current: bool


@router.get("/{alert_id}")
async def show_alert(
    request: Request, console: ConsoleDep, user: Viewer, alert_id: str, tab: Text = "events"
) -> Response:
    """One alert: the rule with what matched, and the exact events."""
    try:
        found = await triaged_alert(console.store, console.database, alert_id)
    except QueryInvalid:
        found = None
    if found is None:
        raise HTTPException(404, "There is no alert with this id.")
    alert = found.alert
    events, sent, changes, related = await asyncio.gather(
        by_positions(console.store, alert.events),
        deliveries(console.store, alert_id),
        console.database.run(history, alert_id),
        _related(console, alert),
    )
    return _told(
        request,
        "alert",
        found=found,
        alert=alert,
        tab=tab if tab in TABS else "events",
        events=tuple(reversed(events)),
        deliveries=sent,
        changes=changes,
        related=related,
        why=_why(console, alert, events),
        around=_around(alert),
        reasons=list(Reason),
    )


async def _related(console: Console, alert: Alert) -> tuple[TriagedAlert, ...]:
    """Other alerts of the same entity, newest first."""
    if not alert.entity:
        return ()
    wanted = AlertFilter(entity=alert.entity)
    found = await triaged(console.store, console.database, wanted, limit=21)
    return tuple(row for row in found.items if row.alert.id != alert.id)


def _around(alert: Alert) -> str:
    """A search for what happened around the alert, to the same source address or host."""
    address = SearchAddress()
    begin = min((event.time for event in alert.events), default=alert.time)
    for name in ("source.ip", "host.name", "user.name"):
        value = alert.group.get(name) or alert.matched.get(name)
        if isinstance(value, str) and value:
            address = SearchAddress(q=f'{name}:"{value}"')
            break
    return address.between(begin - _MARGIN, alert.time + _MARGIN)


def _why(console: Console, alert: Alert, events: tuple[StoredEvent, ...]) -> Why:
    """The rule's text beside what matched; of the revision in force, which may be a later one."""
    rules = console.rulebook.rules
    completing = next((e.event for e in events if e.event.id == alert.events[-1].id), None)
    rule = next((rule for rule in rules.rules if rule.id == alert.rule_id), None)
    if rule is not None:
        lines = annotate(rule.text, _explained(rule, completing), {})
        return Why(
            sentence=", ".join(
                f"{name} {value}" for name, value in list(alert.matched.items())[:4]
            ),
            texts=((rule.title, lines),),
            is_current=rule.revision == alert.rule_revision,
        )
    found = next((rule for rule in rules.correlations if rule.id == alert.rule_id), None)
    if found is None:
        return Why(sentence="the rule is not loaded any more", texts=(), is_current=False)
    return _why_counted(found, rules, alert, events, completing)


def _why_counted(
    found: Correlation,
    rules: RuleSet,
    alert: Alert,
    events: tuple[StoredEvent, ...],
    completing: Event | None,
) -> Why:
    """A correlation: its group, its count, and the rules that it counts."""
    named = references(found, rules.correlations)
    counted = [rule for rule in rules.rules if rule.id in named or rule.name in named]
    group = ", ".join(f"{name} {value}" for name, value in alert.group.items())
    times = [stored.event.time for stored in events]
    count = f"{alert.event_count} events"
    facts: dict[str, str] = {bound.operator: count for bound in found.bounds}
    facts["group-by"] = group
    if len(times) > 1:
        facts["timespan"] = f"{(max(times) - min(times)).total_seconds():.0f} s from first to last"
    texts = [(found.title, annotate(found.text, (), facts))]
    texts += [
        (rule.title, annotate(rule.text, _explained(rule, completing), {})) for rule in counted
    ]
    return Why(
        sentence=f"{alert.event_count} events" + (f" for {group}" if group else ""),
        texts=tuple(texts),
        is_current=found.revision == alert.rule_revision,
    )


def _explained(rule: Rule, event: Event | None) -> tuple[Explanation, ...]:
    if event is None:
        return ()
    return (explain(rule, event.fields, event.raw.decode("utf-8", "replace")).condition,)
