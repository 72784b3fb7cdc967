"""Addresses of our own static files, with a digest in them, so that browsers may keep them."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles as BaseStaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent.parent / "static"


@cache
def static(name: str) -> str:
    """The address of a file below ``static``; it changes when the file does."""
    digest = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


class StaticFiles(BaseStaticFiles):
    """Our files; an address with a digest may be kept for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        lasting = b"v=" in scope["query_string"] and response.status_code < 400
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if lasting else "no-cache"
        )
        return response
