"""Read, acknowledge and close alerts."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.store.queries.alerts import AlertFilter
from web.api.answers import alert_json, answer
from web.dependencies import AnalystToken, Console, ConsoleDep, ViewerToken, address_of
from web.investigate import TriagedAlert, span_of, triaged, triaged_alert
from web.security.audit import Actor
from web.security.tokens import Token
from web.triage import Reason, State, acknowledge, close

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


class Acknowledgement(BaseModel):
    """What an acknowledgement says."""

    model_config = ConfigDict(extra="forbid")

    revision: int | None = Field(default=None, description="Refuse if another one stands.")


class Closing(BaseModel):
    """What closing an alert says."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    note: str = Field(default="", max_length=4_000)
    revision: int | None = Field(default=None, description="Refuse if another one stands.")


@router.get("", summary="Alerts, newest first")
async def list_alerts(
    console: ConsoleDep,
    token: ViewerToken,
    state: State | None = None,
    level: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
    rule: Annotated[str, Query(max_length=200)] = "",
    entity: Annotated[str, Query(max_length=400)] = "",
    begin: Annotated[str | None, Query(alias="from", max_length=64)] = None,
    end: Annotated[str | None, Query(alias="to", max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=64, description="``next`` of a page.")] = None,
) -> Response:
    """Answers ``{"items": […], "next": …}``; each with its events' positions in the log."""
    bounded = begin is not None or end is not None
    wanted = AlertFilter(
        span=span_of(begin, end, console.database.now()) if bounded else None,
        levels=level,
        rule_ids=[rule] if rule else [],
        entity=entity,
    )
    page = await triaged(
        console.store, console.database, wanted, state=state, limit=limit, after=after
    )
    return answer(
        {
            "items": [alert_json(found) for found in page.items],
            "next": str(page.next) if page.next else None,
        }
    )


@router.get("/{alert_id}", summary="One alert")
async def read_alert(console: ConsoleDep, token: ViewerToken, alert_id: str) -> Response:
    """The alert of that id."""
    return answer(alert_json(await _known(console, alert_id)))


@router.post("/{alert_id}/acknowledge", summary="Take an alert")
async def acknowledge_alert(
    request: Request,
    console: ConsoleDep,
    token: AnalystToken,
    alert_id: str,
    body: Acknowledgement | None = None,
) -> Response:
    """It is somebody's now; the answer is the alert."""
    found = await _known(console, alert_id)
    await console.database.run(
        acknowledge,
        [found.alert.id],
        actor=_actor(request, token),
        revision=body.revision if body else None,
    )
    return await _changed(console, alert_id)


@router.post("/{alert_id}/close", summary="Close an alert for a reason")
async def close_alert(
    request: Request, console: ConsoleDep, token: AnalystToken, alert_id: str, body: Closing
) -> Response:
    """The answer is the alert."""
    found = await _known(console, alert_id)
    await console.database.run(
        close,
        [found.alert.id],
        reason=body.reason,
        note=body.note,
        actor=_actor(request, token),
        revision=body.revision,
    )
    return await _changed(console, alert_id)


async def _known(console: Console, alert_id: str) -> TriagedAlert:
    found = await triaged_alert(console.store, console.database, alert_id)
    if found is None:
        raise HTTPException(404, "There is no alert of this id.")
    return found


async def _changed(console: Console, alert_id: str) -> Response:
    await console.watch.count()
    return answer(alert_json(await _known(console, alert_id)))


def _actor(request: Request, token: Token) -> Actor:
    return Actor(name=f"token {token.name}", address=address_of(request))
