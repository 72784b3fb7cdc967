"""Liveness of every role, and this process's own metrics. Neither needs a token."""

import httpx
import msgspec
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from web.dependencies import ConsoleDep
from web.operations.standing import read_status

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The state of every role")
async def healthz(console: ConsoleDep) -> JSONResponse:
    """200 while every role runs without trouble; 503 with the same body otherwise.

    ``{"status": "ok", "roles": {"broker": {"state": "running", "restarts": 0, "since": …}, …}}``;
    ``unknown`` when the supervisor does not answer. A role in trouble says why (``trouble``),
    the collectors name what they listen on (``listeners``: state, address and detail of each).
    """
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await read_status(client, console.settings)
    if found is None:
        return JSONResponse({"status": "unknown", "roles": {}}, 503)
    roles = {
        name: {
            "state": role.state,
            "restarts": role.restarts,
            "since": role.since.isoformat() if role.since else None,
            **({"trouble": role.trouble} if role.trouble else {}),
            **({"listeners": msgspec.to_builtins(role.listeners)} if role.listeners else {}),
        }
        for name, role in found.roles.items()
    }
    return JSONResponse(
        {"status": found.status, "roles": roles}, 200 if found.status == "ok" else 503
    )


@router.get("/metrics", summary="Metrics of the console", response_class=Response)
async def metrics() -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
