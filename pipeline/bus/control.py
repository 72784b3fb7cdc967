"""Operators' decisions as records of the compacted ``control`` topic: publish, replay, follow."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

import structlog

from pipeline.bus.consumer import Record
from pipeline.bus.position import TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.bus.reader import Reader
from pipeline.errors import PipelineError, UndecodableRecord
from pipeline.metrics import CONTROL_DECISIONS, CONTROL_UNREADABLE
from pipeline.schema.control import Decision, decision_key, decode_decision, encode_decision
from pipeline.schema.topics import CONTROL, CONTROL_HISTORY
from pipeline.settings import BusSettings

log = structlog.get_logger()

POLL_RECORDS = 1_000
POLL_SECONDS = 0.5
RETRY_SECONDS = 0.5

OnChange = Callable[[str, Decision | None], None]


class ControlPublisher:
    """Carries decisions to everyone who follows them.

    Args:
        producer: An entered producer.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def publish(self, decisions: Sequence[Decision]) -> None:
        """Return once ``control`` and ``control.history`` have all of them.

        Raises:
            BusUnavailable: Some are not acknowledged; publishing them again does no harm.
            BusRefused: The log will not have one of them.
        """
        await self._producer.publish(
            [
                OutgoingRecord(
                    topic=topic, key=decision_key(decision), value=encode_decision(decision)
                )
                for decision in decisions
                for topic in (CONTROL, CONTROL_HISTORY)
            ]
        )


class ControlFollower:
    """Keeps the latest of each decision; an async context manager, for the loop only.

    A decision is replaced by one of the same or a higher revision, whatever order they come
    in, and removed by a record without a value.

    Args:
        settings: Which cluster, and how to sign in.
        client_id: What the broker's logs call us.
        on_change: Told on the loop of each decision that became another, by its key
            (``kind:id``); None when it was withdrawn.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        client_id: str = "tocsin-control",
        on_change: OnChange | None = None,
    ) -> None:
        self._reader = Reader(settings, client_id=client_id)
        self._on_change = on_change
        self._decisions: dict[str, Decision] = {}
        self._partitions: list[TopicPartition] = []
        self._progress = asyncio.Condition()
        self._following: asyncio.Task[None] | None = None

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """The latest of each decision by its key, ``kind:id``; a live view."""
        return MappingProxyType(self._decisions)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Read ``control`` from its beginning; return when caught up with its end.

        Waits for a cluster that cannot be reached and for a topic that does not exist yet.
        """
        await self._reader.__aenter__()
        try:
            self._partitions = await self._existing_partitions()
            await self._reader.assign(dict.fromkeys(self._partitions, 0))
            self._following = asyncio.create_task(self._follow(), name="control-follow")
            while True:
                if await self._caught_up(None):
                    break
                await asyncio.sleep(RETRY_SECONDS)
        except BaseException:
            await self.stop()
            raise
        log.info("control_caught_up", decisions=len(self._decisions))

    async def _existing_partitions(self) -> list[TopicPartition]:
        told = False
        while True:
            with contextlib.suppress(PipelineError):
                if found := await self._reader.partitions(CONTROL):
                    return found
            if not told:
                log.warning("control_awaited", topic=CONTROL)
                told = True
            await asyncio.sleep(RETRY_SECONDS)

    async def stop(self) -> None:
        """Follow no more; what is known stays known."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        await self._reader.__aexit__(None, None, None)

    async def catch_up(self, timeout_seconds: float) -> bool:
        """Wait until every decision is known that was published before this call.

        Returns:
            Whether it is so; False when the timeout ended first or the log did not answer.
        """
        return await self._caught_up(timeout_seconds)

    async def _caught_up(self, timeout_seconds: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout_seconds):
                held = await self._reader.offsets(self._partitions)
                async with self._progress:
                    await self._progress.wait_for(
                        lambda: all(
                            self._reader.positions[at] >= span.end for at, span in held.items()
                        )
                    )
        except (TimeoutError, PipelineError):
            return False
        return True

    async def _follow(self) -> None:
        while True:
            try:
                records = await self._reader.poll(
                    max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS
                )
            except PipelineError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for record in records:
                self._take(record)
            async with self._progress:
                self._progress.notify_all()

    def _take(self, record: Record) -> None:
        key = (record.key or b"").decode(errors="replace")
        known = self._decisions.get(key)
        if not record.value:
            if self._decisions.pop(key, None) is not None:
                self._tell(key, None)
            return
        try:
            decision = decode_decision(record.value)
        except UndecodableRecord as error:
            CONTROL_UNREADABLE.inc()
            log.warning("decision_unreadable", key=key, offset=record.offset, detail=str(error))
            return
        if known is not None and known.revision > decision.revision:
            return
        self._decisions[key] = decision
        CONTROL_DECISIONS.inc()
        if decision != known:
            self._tell(key, decision)

    def _tell(self, key: str, decision: Decision | None) -> None:
        if self._on_change is not None:
            self._on_change(key, decision)
