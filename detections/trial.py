"""A backtest in a process of its own, so that neither console nor worker is slowed by it.

``python -m detections.trial``: one ``Request`` as a line of JSON on stdin (its secrets are in no
argument list); ``Progress`` lines on stdout, then one ``Outcome`` or ``Failed``. It ends when it is
done, when it is told to (SIGTERM, a closed stdin is no reason) or when nobody reads it any more.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from detections.backtest import Backtest, BacktestReport
from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.errors import DetectionError
from detections.history import History, ranges_since
from detections.rule_set import RuleSet
from detections.settings import DetectionSettings
from pipeline.errors import PipelineError
from pipeline.schema.topics import EVENTS_LOG
from pipeline.settings import BusSettings

# Others come first: a trial uses what they leave of the processor.
_NICENESS = 10


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried.

    Attributes:
        bus: ``BusSettings`` with its secret in the clear.
        rules, correlations: All that is needed, compiled.
        chosen: Ids of those of them to try.
        since_ms: From when on, milliseconds since 1970.
        one_in: Look at every so many-th event.
    """

    bus: Mapping[str, object]
    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    chosen: tuple[str, ...]
    since_ms: int
    one_in: int = 1


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far it is: offsets passed of those in the ranges."""

    passed: int
    total: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag="outcome"):
    """The end of a trial.

    Attributes:
        report: What the rules would have said.
        covered: First and end offset of each partition that was read, by ``topic-partition``.
        undecodable: Records in them that hold no event.
    """

    report: BacktestReport
    covered: Mapping[str, tuple[int, int]]
    undecodable: int


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """It could not be done; ``reason`` is for people."""

    reason: str


Message = Progress | Outcome | Failed


def bus_in_the_clear(bus: BusSettings) -> dict[str, object]:
    """Settings as a request carries them."""
    return {
        "url": bus.url,
        "username": bus.username,
        "password": bus.password.get_secret_value(),
        "mechanism": bus.mechanism,
        "ca_file": None if bus.ca_file is None else str(bus.ca_file),
    }


async def tried(request: Request) -> Outcome:
    """Do what a request asks for, telling progress on stdout.

    Raises:
        PipelineError: The log does not answer.
    """
    bus = BusSettings.model_validate(request.bus)
    rule_set = RuleSet(rules=request.rules, correlations=request.correlations)
    moment = datetime.fromtimestamp(request.since_ms / 1_000, UTC)
    history = History(bus, await ranges_since(bus, EVENTS_LOG, moment))
    backtest = Backtest(
        rule_set, frozenset(request.chosen), DetectionSettings(), keep_one_in=request.one_in
    )
    _say(Progress(passed=0, total=history.records))
    async for page in history.pages():
        backtest.add(page, observed_time=datetime.now(UTC))
        _say(Progress(passed=history.passed, total=history.records))
    return Outcome(
        report=backtest.report(), covered=history.named(), undecodable=history.undecodable
    )


def _say(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Read the request, do it, say what came of it."""
    os.nice(_NICENESS)
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    try:
        _say(asyncio.run(tried(request)))
    except (PipelineError, DetectionError) as error:
        _say(Failed(reason=str(error)))
        return 1
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
