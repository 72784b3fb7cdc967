"""Nodes, topics, partitions, records, groups and lag."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from pipeline.bus.consumer import Record
from web.dependencies import ConsoleDep, Viewer
from web.rendering import page
from web.rendering.log_trouble import log_trouble

router = APIRouter(prefix="/topics")

TABS = ("records", "partitions", "groups")
MOST_SHOWN_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRecord:
    """A record as a person can read it; what is not text is shown in hex."""

    time: datetime
    partition: int
    offset: int
    key: str
    size_bytes: int
    value: str


@router.get("")
async def show(
    request: Request, console: ConsoleDep, user: Viewer, internal: bool = True
) -> Response:
    """Every topic."""
    return await _answer(request, console, None, "records", internal=internal)


@router.get("/{name}")
async def show_topic(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    name: str,
    tab: str = "records",
    partition: Annotated[int, Query(ge=0)] = 0,
    offset: Annotated[int | None, Query(ge=0)] = None,
    internal: bool = True,
) -> Response:
    """One of them opened."""
    return await _answer(
        request, console, name, tab, partition=partition, offset=offset, internal=internal
    )


async def _answer(
    request: Request,
    console: ConsoleDep,
    name: str | None,
    tab: str,
    *,
    internal: bool,
    partition: int = 0,
    offset: int | None = None,
) -> Response:
    state = await console.log_watch.look()
    topics = [topic for topic in state.topics if internal or not topic.name.startswith("__")]
    chosen = state.topic(name) if name else None
    if name and chosen is None:
        raise HTTPException(404, f"There is no topic {name[:100]}.")
    tab = tab if tab in TABS else TABS[0]
    records: list[ShownRecord] = []
    if chosen is not None and tab == "records":
        if partition >= len(chosen.partitions):
            raise HTTPException(404, f"{chosen.name} has no partition {partition}.")
        if not chosen.partitions[partition].is_offline:
            found = await console.log_watch.peek(chosen.name, partition, offset)
            records = [shown(record) for record in reversed(found)]
    return page(
        request,
        "topics",
        state=state,
        trouble=log_trouble(state),
        topics=sorted(topics, key=lambda topic: -topic.records),
        most=max((topic.records for topic in topics), default=0),
        chosen=chosen,
        tab=tab,
        partition=partition,
        offset=offset,
        records=records,
        internal=internal,
    )


def shown(record: Record) -> ShownRecord:
    """A record for reading."""
    return ShownRecord(
        time=record.written or datetime.fromtimestamp(0, UTC),
        partition=record.partition,
        offset=record.offset,
        key=_text(record.key),
        size_bytes=len(record.value or b""),
        value=_text(record.value),
    )


def _text(value: bytes | None) -> str:
    """Text, or hex for what is not text; cut."""
    if value is None:
        return "none"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value[: MOST_SHOWN_CHARACTERS // 3].hex(" ")
    if len(text) > MOST_SHOWN_CHARACTERS:
        return f"{text[:MOST_SHOWN_CHARACTERS]}…"
    return text
