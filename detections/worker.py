"""The detections role: read events, evaluate, write alerts and hits, commit.

At least once, made exactly once by ids: alerts and hits are acknowledged before the offsets of
their events are committed; an alert's id is a function of rule and event, and a worker that starts
looks at the tail of the alerts before it reads (``detections.restoring``); hits that are written
again are known by the offsets of their events. So a killed one loses nothing and repeats nothing.

Events are keyed by source, so a correlation's group may span partitions and workers: hits are keyed
by correlation and group, and correlated by a consumer group of their own (``correlating.py``).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import structlog

from detections.correlating import CorrelatingConsumer
from detections.correlation.hit import microseconds
from detections.correlation.partition import Tick
from detections.detector import Detected
from detections.draining import finished
from detections.hit_records import alert_record, hit_records, tick_records
from detections.metrics import (
    ALERTS,
    ALERTS_REFUSED,
    ALERTS_REPEATED,
    EVALUATION_SECONDS,
    EVENTS,
    LAG,
    MATCHES,
    UNDECODABLE,
    Uncounted,
)
from detections.restoring import recent_alerts
from detections.rule_watch import RuleWatch
from detections.settings import DetectionSettings
from detections.source_ticks import SourceTicks
from detections.switches import disabled_rules
from pipeline.bus.admin import HANGING_SECONDS, Admin
from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.control import ControlFollower
from pipeline.bus.position import Committed, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.errors import BusRefused, BusUnavailable, PipelineError, UndecodableRecord
from pipeline.schema import topics
from pipeline.schema.alert import EventPosition
from pipeline.schema.codec import decode_event
from pipeline.settings import BusSettings

log = structlog.get_logger()

GROUP = "tocsin-detections"
# Events between two looks at the loop, some 10 ms.
_SLICE_EVENTS = 200
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_LAG_SECONDS = 10.0


async def run(settings: DetectionSettings, bus: BusSettings, *, ready: Callable[[], None]) -> None:
    """Detect until cancelled; ``ready`` is called once rules are in force and events are read.

    Cancelled, it finishes the batch in hand: its alerts are acknowledged, its events committed.
    """
    rules = RuleWatch(settings)
    await rules.load()
    async with (
        Producer(bus, client_id=GROUP) as producer,
        ControlFollower(bus, client_id=f"{GROUP}-control") as control,
    ):
        worker = Worker(settings, bus, rules, producer, control)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(rules.follow(), name="detections-rules")
            asking = Admin(bus, client_id=GROUP, hanging_seconds=HANGING_SECONDS)
            tasks.create_task(_watch_lag(asking), name="detections-lag")
            correlating = CorrelatingConsumer(settings, bus, rules, control)
            tasks.create_task(correlating.work(), name="detections-correlating")
            await worker.work(ready)


class Worker:
    """One member of the detections' consumer group. For the loop."""

    def __init__(
        self,
        settings: DetectionSettings,
        bus: BusSettings,
        rules: RuleWatch,
        producer: Producer,
        control: ControlFollower,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._rules = rules
        self._producer = producer
        self._control = control
        self._written: frozenset[str] = frozenset()
        self._must_restore = True
        self._ticks = SourceTicks()
        self._hits_partitions = 0
        self._admin = Admin(bus, client_id=f"{GROUP}-ticks")
        self._uncounted = Uncounted()

    async def work(self, ready: Callable[[], None]) -> None:
        """Read, evaluate, write, commit; until cancelled."""
        async with Consumer(
            self._bus,
            group=GROUP,
            topics=[topics.EVENTS_LOG],
            client_id=GROUP,
            on_assigned=self._assigned,
        ) as consumer:
            ready()
            while True:
                records = await consumer.poll(
                    max_records=self._settings.batch_events, timeout_seconds=_POLL_SECONDS
                )
                if records:
                    await finished(self._handle(consumer, records))
                else:
                    await finished(self._tick())

    def _assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        self._must_restore = True
        self._ticks.assign(
            {_name(at): 0 if to is None else to.offset for at, to in committed.items()},
            now_us=microseconds(datetime.now(UTC)),
        )
        return {}

    async def _handle(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Carry a batch from the log to its alerts; returns when it is committed."""
        if self._must_restore:
            await self._restore()
        found = await self._evaluate(records)
        alerts = [alert for alert in found.alerts if alert.id not in self._written]
        ALERTS_REPEATED.inc(len(found.alerts) - len(alerts))
        await self._look_at_the_silent()
        await self._publish(
            [
                *hit_records(found.hits),
                *map(alert_record, alerts),
                *await self._tick_records(self._ticks.tick()),
            ]
        )
        for alert in alerts:
            ALERTS.labels(level=alert.level).inc()
        self._uncounted.publish(self._rules.detector.finder.dropped)
        await self._commit(consumer, records)

    async def _tick(self) -> None:
        """Tell correlations that time passes though nothing comes."""
        if await self._look_at_the_silent():
            await self._publish(await self._tick_records(self._ticks.tick()))

    async def _look_at_the_silent(self) -> bool:
        """Learn whether partitions that give nothing have nothing; whether one was asked."""
        asked_us = microseconds(datetime.now(UTC))
        silent = {_partition(source): source for source in self._ticks.silent(asked_us)}
        if silent:
            try:
                held = await self._admin.offsets_of(list(silent))
            except PipelineError as error:
                log.warning("ticks_delayed", detail=str(error))
                return False
            ends = {silent[at]: of.end for at, of in held.items()}
            self._ticks.hear(ends, asked_us=asked_us)
        return bool(silent)

    async def _tick_records(self, tick: Tick | None) -> list[OutgoingRecord]:
        """A tick for every partition of the hits."""
        while tick is not None and not self._hits_partitions:
            try:
                held = await self._admin.offsets([topics.HITS])
                self._hits_partitions = len(held)
            except PipelineError as error:
                log.warning("ticks_delayed", detail=str(error))
            if not self._hits_partitions:
                await asyncio.sleep(_RETRY_SECONDS)
        return [] if tick is None else list(tick_records([tick], self._hits_partitions))

    async def _evaluate(self, records: Sequence[Record]) -> Detected:
        """What a batch leads to; the loop gets its turn between slices."""
        found = Detected()
        events = 0
        disabled = disabled_rules(self._control.decisions)
        seconds = 0.0
        for first in range(0, len(records), _SLICE_EVENTS):
            started = time.perf_counter()
            now = datetime.now(UTC)
            for record in records[first : first + _SLICE_EVENTS]:
                source = _name(TopicPartition(record.topic, record.partition))
                try:
                    event = decode_event(record.value or b"")
                except UndecodableRecord as error:
                    _pass_over(record, error)
                    self._ticks.pass_over(source, record.offset)
                    continue
                events += 1
                received_us = self._ticks.observe(
                    source,
                    record.offset,
                    microseconds(event.observed_time),
                    now_us=microseconds(now),
                )
                position = EventPosition(
                    id=event.id,
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    time=event.time,
                )
                self._rules.detector.detect(
                    event,
                    position,
                    found,
                    observed_time=now,
                    received_us=received_us,
                    disabled=disabled,
                )
            seconds += time.perf_counter() - started
            await asyncio.sleep(0)
        EVALUATION_SECONDS.observe(seconds)
        EVENTS.inc(events)
        MATCHES.inc(found.matches)
        return found

    async def _publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Return once the log has the records, or has refused some of them for good."""
        while True:
            try:
                await self._producer.publish(records)
            except BusUnavailable as error:
                log.warning("alerts_unacknowledged", records=len(records), detail=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            except BusRefused as error:
                ALERTS_REFUSED.inc(len(error.refused))
                log.error("alerts_refused", records=len(error.refused), detail=str(error))
                return
            else:
                return

    async def _commit(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Commit what was handled; without an answer the next batch commits it."""
        read = {
            TopicPartition(record.topic, record.partition): Committed(record.offset + 1)
            for record in records
        }
        try:
            await consumer.commit(read)
        except PipelineError as error:
            log.warning("offsets_uncommitted", detail=str(error))

    async def _restore(self) -> None:
        """Learn which alerts were written before, by this worker or by another one."""
        # More than what one batch, killed before its commit, is likely to have led to.
        at_least = 4 * self._settings.batch_events
        admin = Admin(self._bus, client_id=f"{GROUP}-restore")
        while True:
            try:
                alerts = await recent_alerts(admin, at_least=at_least)
                break
            except PipelineError as error:
                log.warning("restore_delayed", detail=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        self._written = frozenset(alert.id for alert in alerts)
        self._must_restore = False
        log.info("detections_restored", alerts=len(alerts))


def _pass_over(record: Record, error: UndecodableRecord) -> None:
    """Count and name a record that holds no event; the sink that stores events parks it, once."""
    UNDECODABLE.inc()
    log.warning(
        "event_undecodable",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        detail=str(error),
    )


def _name(at: TopicPartition) -> str:
    return f"{at.topic}:{at.partition}"


def _partition(name: str) -> TopicPartition:
    topic, _, number = name.rpartition(":")
    return TopicPartition(topic, int(number))


async def _watch_lag(admin: Admin) -> None:
    while True:
        with contextlib.suppress(PipelineError):
            lag = await admin.lag(GROUP)
            LAG.set(sum(n for at, n in lag.items() if at.topic == topics.EVENTS_LOG))
        await asyncio.sleep(_LAG_SECONDS)
