"""Addresses where there is nothing: a page that says so, for who is signed in. The last router."""

from fastapi import APIRouter, HTTPException

router = APIRouter()


@router.api_route("/{path:path}", methods=["GET", "POST"])
async def nothing(path: str) -> None:
    """Always 404."""
    raise HTTPException(404)
