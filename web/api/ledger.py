"""What came in and what became of it."""

from fastapi import APIRouter
from fastapi.responses import Response

from pipeline.ledger import Terms
from web.api.answers import answer
from web.dependencies import ConsoleDep, ViewerToken

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"])


@router.get("", summary="The ledger")
async def read_ledger(console: ConsoleDep, token: ViewerToken) -> Response:
    """``{"totals": {"received": …}, "sources": [{"source": …, …}]}``; every term is counted.

    What is in flight belongs to no source yet: it is in the totals only.
    """
    account = await console.accountant.account()
    return answer(
        {
            "totals": terms_json(account.ledger.totals),
            "sources": [
                {"source": of.source, **terms_json(of.terms)} for of in account.ledger.sources
            ],
        }
    )


def terms_json(terms: Terms) -> dict[str, int]:
    """The five terms."""
    return {
        "received": terms.received,
        "stored": terms.stored,
        "dead_lettered": terms.dead_lettered,
        "dropped": terms.dropped,
        "in_flight": terms.in_flight,
    }
