"""Sources to notifications with rate, lag, drops, dead letters; the ledger."""

from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.dependencies import ConsoleDep, Viewer
from web.operations.accounting import ledger_json
from web.operations.flow import flow
from web.operations.overview import overview
from web.rendering import page
from web.rendering.charts import spark
from web.rendering.figures import draw
from web.security.tokens import list_tokens

router = APIRouter(prefix="/pipeline")


@router.get("")
async def show(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """The whole pipeline."""
    found = await overview(
        console.store,
        console.log_watch,
        console.accountant,
        console.database,
        console.database.now(),
    )
    tokens = await console.database.run(list_tokens)
    standing = console.watch.standing
    return page(
        request,
        "pipeline",
        found=found,
        flow=await flow(console.store, found),
        drawn=draw(found, standing, ZoneInfo(console.settings.time_zone)),
        spark=spark,
        senders={token.id: token.name for token in tokens},
    )


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
