"""The detections role: read events, evaluate, write alerts and hits, commit.

At least once, made exactly once by ids: alerts and hits are acknowledged before the offsets of
their events are committed; an alert's id is a function of rule, group and event; and a worker
that starts looks at the tails of its topics before it reads (``detections.restoring``), so a
killed one loses nothing and repeats nothing.

Events are keyed by source, so one sender's are in one partition and in order. A correlation's
group may span senders and so partitions: with one worker it sees all of them; several workers
each see their own partitions' share of such a group.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import structlog

from detections.correlation.hit import microseconds
from detections.correlation.watermark import SourceClock, least
from detections.detector import Detected
from detections.metrics import (
    ALERTS,
    ALERTS_REFUSED,
    ALERTS_REPEATED,
    EVALUATION_SECONDS,
    EVENTS,
    GROUPS,
    HITS,
    LAG,
    MATCHES,
    UNDECODABLE,
    Uncounted,
)
from detections.restoring import encode_hit, recent_alerts, recent_hits
from detections.rule_watch import RuleWatch
from detections.settings import DetectionSettings
from pipeline.bus.admin import HANGING_SECONDS, Admin
from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.control import ControlFollower
from pipeline.bus.position import Committed, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.errors import BusRefused, BusUnavailable, PipelineError, UndecodableRecord
from pipeline.schema import topics
from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.codec import SCHEMA_HEADER, decode_event, encode_alert
from pipeline.schema.control import Decision, RuleState
from pipeline.settings import BusSettings

log = structlog.get_logger()

GROUP = "tocsin-detections"
# Events between two looks at the loop, some 10 ms.
_SLICE_EVENTS = 200
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_LAG_SECONDS = 10.0
_DRAIN_SECONDS = 20.0
# A partition without events for so long has none that are on their way.
_SILENCE_US = 2_000_000


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
        self._clocks: dict[TopicPartition, SourceClock] = {}
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
                    await _finished(self._handle(consumer, records))
                elif not self._must_restore:
                    await _finished(self._write(self._correlate(Detected())))

    def _assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        self._must_restore = True
        now_us = microseconds(datetime.now(UTC))
        self._clocks = {
            partition: SourceClock(since_us=now_us, silence_us=_SILENCE_US)
            for partition in committed
        }
        return {}

    async def _handle(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Carry a batch from the log to its alerts; returns when it is committed."""
        if self._must_restore:
            await self._restore()
        await self._write(self._correlate(await self._evaluate(records)))
        await self._commit(consumer, records)

    async def _write(self, found: Detected) -> None:
        """Return once the log has what was found."""
        alerts = [alert for alert in found.alerts if alert.id not in self._written]
        ALERTS_REPEATED.inc(len(found.alerts) - len(alerts))
        await self._publish([*_hit_records(found), *map(_alert_record, alerts)])
        for alert in alerts:
            ALERTS.labels(level=alert.level).inc()
        chain = self._rules.detector.chain
        GROUPS.set(chain.correlator.groups)
        HITS.set(chain.correlator.hits)
        self._uncounted.publish(chain.uncounted())

    def _correlate(self, found: Detected) -> Detected:
        """Add what correlations find now."""
        now = datetime.now(UTC)
        for clock in self._clocks.values():
            clock.tick(microseconds(now))
        received_us = least(clock.received_us for clock in self._clocks.values())
        if received_us is not None:
            self._rules.detector.advance(
                received_us,
                found,
                observed_time=now,
                disabled=disabled_rules(self._control.decisions),
            )
        return found

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
                try:
                    event = decode_event(record.value or b"")
                except UndecodableRecord as error:
                    _pass_over(record, error)
                    continue
                events += 1
                clock = self._clocks.get(TopicPartition(record.topic, record.partition))
                observed_us = microseconds(event.observed_time)
                received_us = (
                    observed_us
                    if clock is None
                    else clock.observe(observed_us, now_us=microseconds(now))
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
        """Learn what was written before, by this worker or by another one."""
        detector = self._rules.detector
        span = 2 * detector.longest_timespan
        # More than what one batch, killed before its commit, is likely to have led to.
        at_least = 4 * self._settings.batch_events
        admin = Admin(self._bus, client_id=f"{GROUP}-restore")
        while True:
            try:
                alerts = await recent_alerts(admin, span=span, at_least=at_least)
                hits = await recent_hits(admin, span=span, at_least=at_least)
                break
            except PipelineError as error:
                log.warning("restore_delayed", detail=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        self._written = frozenset(alert.id for alert in alerts)
        self._rules.detector.restore(hits, (alert for alert in alerts if alert.group))
        self._must_restore = False
        log.info("detections_restored", alerts=len(alerts), hits=len(hits))


def disabled_rules(decisions: Mapping[str, Decision]) -> frozenset[str]:
    """The ids of rules that an operator has switched off."""
    return frozenset(
        decision.id
        for decision in list(decisions.values())
        if isinstance(decision, RuleState) and not decision.enabled
    )


def _alert_record(alert: Alert) -> OutgoingRecord:
    return OutgoingRecord(
        topic=topics.ALERTS,
        key=alert.rule_id.encode(),
        value=encode_alert(alert),
        headers=(SCHEMA_HEADER,),
    )


def _hit_records(found: Detected) -> Iterator[OutgoingRecord]:
    for hit in found.hits:
        yield OutgoingRecord(
            topic=topics.HITS,
            key="\0".join(hit.key).encode("utf-8", "surrogatepass"),
            value=encode_hit(hit),
            headers=(SCHEMA_HEADER,),
        )


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


async def _finished(handling: Coroutine[object, object, None]) -> None:
    """Await a batch; cancelled meanwhile, let it end first, for a bounded time."""
    task = asyncio.create_task(handling)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait([task], timeout=_DRAIN_SECONDS)
        for late in unfinished:
            late.cancel()
        raise


async def _watch_lag(admin: Admin) -> None:
    while True:
        with contextlib.suppress(PipelineError):
            lag = await admin.lag(GROUP)
            LAG.set(sum(n for at, n in lag.items() if at.topic == topics.EVENTS_LOG))
        await asyncio.sleep(_LAG_SECONDS)
