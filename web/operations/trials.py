"""Backtests that run beside the console: one process each, started, followed and stopped here.

What they found is remembered until the console ends, for the newest of each subject.
"""

import asyncio
import contextlib
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from detections.trial import Failed, Message, Outcome, Progress, Request

MAX_RUNNING = 2
MAX_REMEMBERED = 50
_LINE_BYTES = 16 << 20
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class TooManyTrials(Exception):
    """As many backtests run as the machine shall bear at a time."""


@dataclass(slots=True, kw_only=True)
class Trial:
    """A backtest, running or done.

    Attributes:
        subject: The rule's id, or what stands for several.
        started: When.
        started_by: Who wanted it.
        span: How far it looks back from then.
        one_in: It looks at every so many-th event.
        passed, total: Offsets read, of those there are; total is 0 until it is known.
        outcome: What came of it, once it is done.
        problem: Why there is none, for people; empty if nothing went wrong.
        is_cancelled: Somebody stopped it.
    """

    subject: str
    started: datetime
    started_by: str
    span: timedelta
    one_in: int
    passed: int = 0
    total: int = 0
    outcome: Outcome | None = None
    problem: str = ""
    is_cancelled: bool = False
    _task: "asyncio.Task[None] | None" = None

    @property
    def is_running(self) -> bool:
        """Whether it is neither done nor given up."""
        return self._task is not None and not self._task.done()


class Trials:
    """Starts, follows and stops backtests. For the loop.

    Args:
        now: The console's clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._trials: OrderedDict[str, Trial] = OrderedDict()

    def of(self, subject: str) -> Trial | None:
        """The newest trial of a subject."""
        return self._trials.get(subject)

    def start(self, subject: str, request: Request, *, span: timedelta, started_by: str) -> Trial:
        """Begin a trial, unless one of the subject is running already.

        Raises:
            TooManyTrials: Others have to end first.
        """
        known = self._trials.get(subject)
        if known is not None and known.is_running:
            return known
        if sum(trial.is_running for trial in self._trials.values()) >= MAX_RUNNING:
            raise TooManyTrials(f"{MAX_RUNNING} backtests are running. Wait for one, or stop it.")
        trial = Trial(
            subject=subject,
            started=self._now(),
            started_by=started_by,
            span=span,
            one_in=request.one_in,
        )
        trial._task = asyncio.create_task(_follow(trial, request), name="trial")
        self._trials[subject] = trial
        self._trials.move_to_end(subject)
        self._forget()
        return trial

    def cancel(self, subject: str) -> None:
        """Stop a trial; what it found so far is not kept."""
        trial = self._trials.get(subject)
        if trial is not None and trial._task is not None and trial.is_running:
            trial.is_cancelled = True
            trial._task.cancel()

    async def close(self) -> None:
        """Stop all of them."""
        tasks = [trial._task for trial in self._trials.values() if trial._task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self) -> None:
        surplus = len(self._trials) - MAX_REMEMBERED
        done = [subject for subject, trial in self._trials.items() if not trial.is_running]
        for subject in done[: max(surplus, 0)]:
            del self._trials[subject]


async def _follow(trial: Trial, request: Request) -> None:
    """Run the process and take down what it says, to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "detections.trial"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    assert process.stdin is not None, "a pipe"
    assert process.stdout is not None, "a pipe"
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            await process.stdin.drain()
        async for line in process.stdout:
            _note(trial, line)
        await process.wait()
        if trial.outcome is None and not trial.problem:
            trial.problem = f"It ended with status {process.returncode} and said nothing."
    except ValueError:  # StreamReader's word for a line beyond its limit
        trial.problem = f"It had more to say than {_LINE_BYTES} bytes. Try fewer rules at once."
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _note(trial: Trial, line: bytes) -> None:
    try:
        message = _decoder.decode(line)
    except msgspec.MsgspecError as error:
        trial.problem = f"What it said could not be read: {error}"
        return
    match message:
        case Progress(passed=passed, total=total):
            trial.passed, trial.total = passed, total
        case Outcome():
            trial.outcome = message
        case Failed(reason=reason):
            trial.problem = reason
