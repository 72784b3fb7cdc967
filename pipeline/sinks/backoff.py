"""Try again, ever more slowly, and say so once in ten seconds."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import structlog

from pipeline.errors import PartitionLost, PipelineError
from pipeline.metrics import SINK_RETRIES

log = structlog.get_logger()

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
REPORT_EVERY_SECONDS = 10.0
T = TypeVar("T")


def delays(
    first: float = FIRST_SECONDS,
    longest: float = LONGEST_SECONDS,
    dice: Callable[[], float] = random.random,
) -> Iterator[float]:
    """Seconds to wait before each further attempt, for ever: doubled, with full jitter.

    At least half of each, so that waiting stays waiting; at most all of it, so that many who
    failed together do not come back together.
    """
    delay = first
    while True:
        yield delay * (0.5 + dice() / 2)
        delay = min(longest, delay * 2)


async def until_done(attempt: Callable[[], Awaitable[T]], *, doing: str, what: str) -> T:
    """Try until it works; only the loss of a partition ends it (and cancelling).

    Raises:
        PartitionLost: What was to be done is another member's task by now.
    """
    for delay in delays():
        try:
            return await attempt()
        except PartitionLost:
            raise
        except PipelineError as error:
            SINK_RETRIES.labels(doing=doing, error=type(error).__name__).inc()
            _reports.report(doing, what, error)
        await asyncio.sleep(delay)
    raise AssertionError("delays never end")


class _Reports:
    """One line in ten seconds for each thing that is done."""

    def __init__(self) -> None:
        self._quiet_until: dict[str, float] = {}

    def report(self, doing: str, what: str, error: PipelineError) -> None:
        now = time.monotonic()
        if now >= self._quiet_until.get(doing, 0.0):
            self._quiet_until[doing] = now + REPORT_EVERY_SECONDS
            log.warning(
                "sink_attempt_failed",
                doing=doing,
                what=what,
                error=type(error).__name__,
                detail=str(error),
            )


_reports = _Reports()
