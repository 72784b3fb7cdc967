"""The API's own description: OpenAPI for programs, a page for people."""

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from web.rendering import page

router = APIRouter(prefix="/api", include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """OpenAPI 3.1."""
    return JSONResponse(_description(request))


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The same as a page; no script draws it."""
    return page(request, "reference", description=_description(request))


def _description(request: Request) -> dict[str, object]:
    found = get_openapi(
        title="Tocsin",
        version="1",
        description="Send a token with each request: Authorization: Bearer tcs_…",
        routes=request.app.routes,
    )
    found.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"}
    }
    found["security"] = [{"token": []}]
    return found
