"""Courier: everything that is on its way to one destination.

Each destination has its own, so a dead one delays nobody else. A few attempts are made at a
time; what failed waits for its next attempt without holding anything up.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import heappop, heappush

import structlog

from pipeline.bus.position import Position
from pipeline.metrics import DELIVERIES, DELIVERIES_WAITING, DELIVERY_SECONDS
from pipeline.schema.alert import Alert
from pipeline.schema.control import WebhookDestination
from pipeline.schema.delivery import Delivery, DeliveryStatus, delivery_id
from pipeline.settings import WebhookSettings
from pipeline.sinks.post import Answer, Post
from pipeline.sinks.retrying import retry_delay

log = structlog.get_logger()

ATTEMPTS_AT_A_TIME = 4
MAX_WAITING = 10_000
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An alert on its way to a destination.

    Attributes:
        alert: What is sent.
        position: Where it lies in the log.
        destination: To whom, by public name.
        attempts: How many were made.
        is_test: Whether somebody asked for it to try the destination: told so, and not retried.
        settled: Called once the first outcome is in the deliveries topic: from then on a
            restart knows of this job without reading the alert again.
    """

    alert: Alert
    position: Position
    destination: str
    attempts: int
    settled: Callable[[], None]
    is_test: bool = False


class Courier:
    """Delivers to one destination. For the loop.

    Args:
        name: The destination's public name.
        post: Makes attempts.
        look_up: The destination as it is now; None when it is withdrawn or disabled.
        record: Returns once a delivery is in the log; does not give up.
        settings: When to try again.
    """

    def __init__(
        self,
        name: str,
        *,
        post: Post,
        look_up: Callable[[], WebhookDestination | None],
        record: Callable[[Delivery], Awaitable[None]],
        settings: WebhookSettings,
    ) -> None:
        self._name = name
        self._post = post
        self._look_up = look_up
        self._record = record
        self._settings = settings
        self._waiting: list[tuple[float, int, Job]] = []
        self._counter = 0
        self._woken = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._permits = asyncio.Semaphore(ATTEMPTS_AT_A_TIME)

    def take(self, job: Job, *, delay_seconds: float = 0.0) -> None:
        """Deliver this as soon as its delay is over and its turn has come."""
        due = asyncio.get_running_loop().time() + max(0.0, delay_seconds)
        self._counter += 1
        heappush(self._waiting, (due, self._counter, job))
        DELIVERIES_WAITING.labels(destination=self._name).set(len(self._waiting))
        self._woken.set()

    def forget(self, topic: str, partition: int) -> None:
        """Another process delivers the alerts of this partition from here on."""
        kept = [
            entry
            for entry in self._waiting
            if (entry[2].position.topic, entry[2].position.partition) != (topic, partition)
        ]
        self._waiting = sorted(kept, key=lambda entry: entry[:2])

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as attempts:
            while True:
                await self._permits.acquire()
                job = await self._next()
                is_too_much = len(self._waiting) >= MAX_WAITING
                attempt = attempts.create_task(
                    self._attempt(job, is_too_much=is_too_much), name=f"deliver-{self._name}"
                )
                self._attempts.add(attempt)
                attempt.add_done_callback(self._attempts.discard)

    async def settle(self) -> None:
        """Return once the attempts under way are on record, or after a while."""
        if self._attempts:
            longest = self._settings.timeout.total_seconds() + SETTLE_SECONDS
            await asyncio.wait(set(self._attempts), timeout=longest)

    async def _next(self) -> Job:
        """The next job, once it is due."""
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            left = self._waiting[0][0] - loop.time() if self._waiting else None
            if left is not None and left <= 0:
                job = heappop(self._waiting)[2]
                DELIVERIES_WAITING.labels(destination=self._name).set(len(self._waiting))
                return job
            try:
                async with asyncio.timeout(left):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _attempt(self, job: Job, *, is_too_much: bool) -> None:
        try:
            destination = self._look_up()
            if destination is None:
                await self._conclude(job, DeliveryStatus.FAILED, "the destination was withdrawn")
            elif is_too_much:
                await self._conclude(job, DeliveryStatus.FAILED, "too much is waiting")
            else:
                answer = await self._post.send(job.alert, destination, is_test=job.is_test)
                await self._sent(job, answer)
        finally:
            self._permits.release()

    async def _conclude(self, job: Job, status: DeliveryStatus, error: str) -> None:
        """Record what ended without an attempt."""
        now = datetime.now(UTC)
        await self._record(_delivery(job, status=status, time=now, duration_ms=0, error=error))
        job.settled()

    async def _sent(self, job: Job, answer: Answer) -> None:
        job = replace(job, attempts=job.attempts + 1)
        delay = None
        if answer.error and not answer.is_final and not job.is_test:
            delay = retry_delay(
                job.attempts,
                settings=self._settings,
                retry_after=answer.retry_after,
                dice=random.random(),  # noqa: S311 # spreads attempts, hides nothing
            )
        status = DeliveryStatus.DELIVERED
        if answer.error:
            status = DeliveryStatus.FAILED if delay is None else DeliveryStatus.RETRYING
        DELIVERIES.labels(destination=self._name, status=status.value).inc()
        DELIVERY_SECONDS.labels(destination=self._name).observe(answer.duration.total_seconds())
        now = datetime.now(UTC)
        await self._record(
            _delivery(
                job,
                status=status,
                time=now,
                duration_ms=round(answer.duration.total_seconds() * 1000),
                response_status=answer.status,
                error=answer.error,
                next_attempt=None if delay is None else now + delay,
            )
        )
        job.settled()
        if delay is not None:
            self.take(replace(job, settled=_settled), delay_seconds=delay.total_seconds())


def _delivery(
    job: Job,
    *,
    status: DeliveryStatus,
    time: datetime,
    duration_ms: int,
    error: str,
    response_status: int = 0,
    next_attempt: datetime | None = None,
) -> Delivery:
    return Delivery(
        id=delivery_id(job.alert.id, job.destination, job.attempts),
        alert_id=job.alert.id,
        alert_topic=job.position.topic,
        alert_partition=job.position.partition,
        alert_offset=job.position.offset,
        destination=job.destination,
        attempt=job.attempts,
        status=status,
        time=time,
        duration_ms=duration_ms,
        response_status=response_status,
        error=error,
        next_attempt=next_attempt,
    )


def _settled() -> None:
    """A further attempt settles nothing more."""
