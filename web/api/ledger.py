"""What came in and what became of it."""

from fastapi import APIRouter
from fastapi.responses import Response

from web.api.answers import answer
from web.dependencies import ConsoleDep, ViewerToken
from web.operations.accounting import ledger_json

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"])


@router.get("", summary="The ledger")
async def read_ledger(console: ConsoleDep, token: ViewerToken) -> Response:
    """``{"totals": {"received": …}, "sources": [{"source": …, …}]}``; every term is counted."""
    return answer(ledger_json((await console.accountant.account()).ledger))
