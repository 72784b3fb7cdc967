"""Graph a metric: its series, narrowed by labels, over a range."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipeline.errors import QueryInvalid
from pipeline.store.queries.series import lines, metric_names, series
from pipeline.store.queries.span import Span
from web.dependencies import Console, ConsoleDep, Viewer
from web.investigate import parse_time
from web.rendering import page
from web.rendering.series import (
    RANGES,
    STEPS,
    Graph,
    SeriesAddress,
    graph_of,
    iso,
    labels_in,
    number,
    step_of,
)

router = APIRouter(prefix="/series")

MOST_SERIES = 200
Text = Annotated[str, Query(max_length=400)]
Labels = Annotated[str, Query(max_length=2_000)]


@router.get("")
async def show(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    metric: Text = "",
    labels: Labels = "",
    range: Text = "1h",
    begin: Annotated[str, Query(alias="from", max_length=40)] = "",
    end: Annotated[str, Query(alias="to", max_length=40)] = "",
    step: Text = "",
    rate: Text = "",
) -> Response:
    """A metric over time; without one, the metrics that there are."""
    address = SeriesAddress(
        metric=metric.strip(),
        labels=labels.strip(),
        range=range if range in RANGES else "1h",
        begin=begin if begin and end else "",
        end=end if begin and end else "",
        step=step if step in STEPS else "",
        rate=rate if rate in ("on", "off") else "",
    )
    names = await metric_names(console.store)
    try:
        span = _span(console, address)
        graph, found = await _graph(console, address, span)
        problem = ""
    except QueryInvalid as error:
        span, graph, found, problem = None, None, 0, str(error)
    likely = [name for name in names if address.metric.lower() in name.lower()]
    return page(
        request,
        "series",
        status=422 if problem else 200,
        address=address,
        names=names,
        likely=likely or names,
        graph=graph,
        found=found,
        most=MOST_SERIES,
        step=step_of(address, span) if span else None,
        span=span,
        ranges=RANGES,
        steps=STEPS,
        number=number,
        iso=iso,
        problem=problem,
        ingest_port=console.pipeline.http.port,
    )


def _span(console: Console, address: SeriesAddress) -> Span:
    """The range of an address.

    Raises:
        QueryInvalid: It cannot be read.
    """
    now = console.database.now()
    if address.is_absolute:
        return Span(parse_time(address.begin, now), parse_time(address.end, now))
    return Span(now - RANGES[address.range][1], now)


async def _graph(console: Console, address: SeriesAddress, span: Span) -> tuple[Graph | None, int]:
    """The graph, and how many series have the labels; no graph without a metric.

    Raises:
        QueryInvalid: The labels cannot be read.
    """
    wanted = labels_in(address.labels)
    if wanted is None:
        raise QueryInvalid('Write labels as role=web, path="/a b", with commas between them.')
    if not address.metric:
        return None, 0
    found = await series(console.store, address.metric, wanted, limit=MOST_SERIES)
    drawn = await lines(
        console.store, found, span, step=step_of(address, span), rate=address.is_rate
    )
    return graph_of(drawn), len(found)
