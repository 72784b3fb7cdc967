"""Sources to notifications with rate, lag, drops, dead letters; the ledger."""

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline.store.queries.span import Span
from web.dependencies import ConsoleDep, Viewer
from web.operations.accounting import ledger_json
from web.operations.flow import losses
from web.operations.overview import DAY
from web.rendering import page
from web.rendering.pipeline import pipeline_values

router = APIRouter(prefix="/pipeline")


@router.get("")
async def show(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """The whole pipeline."""
    now = console.database.now()
    values = await pipeline_values(
        await losses(console.store, Span(now - DAY, now)),
        settings=console.settings,
        store=console.store,
        log=console.log_watch,
        accountant=console.accountant,
        database=console.database,
        watch=console.watch,
    )
    return page(request, "pipeline", **values)


@router.get("/ledger.json")
async def export(console: ConsoleDep, user: Viewer) -> Response:
    """The ledger as the API gives it, for who is signed in."""
    account = await console.accountant.account()
    body = msgspec.json.encode(ledger_json(account.ledger))
    name = f"ledger-{account.checked:%Y%m%dT%H%M%SZ}.json"
    return Response(
        body,
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
