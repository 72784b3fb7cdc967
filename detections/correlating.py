"""The correlating half of the detections role: read hits, say what fires, keep what is remembered.

A consumer group of its own over ``detections.hits``. Of each of its partitions it keeps the state
in the partition of the same number of ``detections.state``. Alerts, hits for the level above, state
and the offset that was read are written in one transaction, whose id names the partition: whoever
takes a partition over first fences the one before, then reads state and offset as they were left
together. Killed at any moment, nothing is lost and nothing doubled.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from detections.alerting import alert_of_firing
from detections.correlation.changelog import Change, Changelog, StateRecord
from detections.correlation.hit import Firing
from detections.correlation.limits import Limits
from detections.correlation.partition import HitsPartition, Outcome, Progress
from detections.detector import Detector
from detections.draining import finished
from detections.hit_records import alert_record, decode, hit_records, tick_records
from detections.metrics import ALERTS, GROUPS, HITS, UNDECODABLE_HITS, Uncounted
from detections.rule_watch import RuleWatch
from detections.settings import DetectionSettings
from detections.switches import disabled_rules
from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.control import ControlFollower
from pipeline.bus.position import Committed, TopicPartition
from pipeline.bus.producer import OutgoingRecord
from pipeline.bus.reader import Reader
from pipeline.bus.transaction import Transactions
from pipeline.errors import BusUnavailable, PipelineError, UndecodableRecord
from pipeline.schema import topics
from pipeline.schema.alert import Alert
from pipeline.schema.codec import SCHEMA_HEADER
from pipeline.settings import BusSettings

log = structlog.get_logger()

GROUP = "tocsin-correlations"
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
# Ticks alone change little: what they say is committed so often.
_COMMIT_SECONDS = 30.0
_RESTORE_SECONDS = 120.0
_PROGRESS_KEY = b"progress"
_PAGE_RECORDS = 5_000


class CorrelatingConsumer:
    """One member of the correlations' consumer group. For the loop."""

    def __init__(
        self,
        settings: DetectionSettings,
        bus: BusSettings,
        rules: RuleWatch,
        control: ControlFollower,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._rules = rules
        self._control = control
        self._assigned: frozenset[TopicPartition] = frozenset()
        # The offset that the consumer gives next, as far as is known.
        self._next: dict[TopicPartition, int] = {}
        self._owned: dict[TopicPartition, _Owned] = {}
        self._lock = asyncio.Lock()
        self._uncounted = Uncounted()

    async def work(self) -> None:
        """Read, correlate, write; until cancelled."""
        async with Consumer(
            self._bus,
            group=GROUP,
            topics=[topics.HITS],
            client_id=GROUP,
            on_assigned=self._on_assigned,
            on_revoked=self._on_revoked,
        ) as consumer:
            try:
                while True:
                    records = await consumer.poll(
                        max_records=self._settings.batch_events, timeout_seconds=_POLL_SECONDS
                    )
                    await finished(self._handle(records, consumer))
            finally:
                await self._let_go()

    def _on_assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        self._assigned = frozenset(committed)
        self._next = {at: 0 if to is None else to.offset for at, to in committed.items()}
        return self._next

    async def _on_revoked(self, gone: Sequence[TopicPartition]) -> None:
        async with self._lock:  # a transaction under way ends first
            self._assigned = frozenset()
            await self._let_go()

    async def _handle(self, records: Sequence[Record], consumer: Consumer) -> None:
        async with self._lock:
            await self._distribute(records, consumer)

    async def _distribute(self, records: Sequence[Record], consumer: Consumer) -> None:
        by_partition: dict[TopicPartition, list[Record]] = {at: [] for at in self._assigned}
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            self._next[at] = record.offset + 1
            if at in by_partition:
                by_partition[at].append(record)
        try:
            for at, own in by_partition.items():
                if at in self._owned:
                    await self._owned[at].handle(own, consumer)
                else:  # what was read before it was opened is read again
                    await self._open(at, consumer)
        except PipelineError as error:
            log.warning("correlations_interrupted", detail=str(error))
            await self._let_go()
            await asyncio.sleep(_RETRY_SECONDS)
        self._measure()

    async def _open(self, at: TopicPartition, consumer: Consumer) -> None:
        """Take a partition over as it was left."""
        owned = _Owned(self._settings, self._bus, self._rules, self._control, at)
        self._owned[at] = owned
        start = await owned.open(consumer)
        if start != self._next.get(at):
            await consumer.seek(at, start)
            self._next[at] = start
        log.info("correlations_taken_over", partition=at.partition, offset=start)

    async def _let_go(self) -> None:
        owned, self._owned = self._owned, {}
        for one in owned.values():
            await one.close()

    def _measure(self) -> None:
        machines = [one.machine for one in self._owned.values() if one.machine is not None]
        GROUPS.set(sum(machine.correlator.groups for machine in machines))
        HITS.set(sum(machine.correlator.hits for machine in machines))
        counts: Counter[tuple[str, str]] = Counter()
        for machine in machines:
            counts += machine.correlator.counts + machine.finder.dropped
        self._uncounted.publish(counts)


class _Owned:
    """One partition of ours: its correlations, its changelog, its transactions."""

    def __init__(
        self,
        settings: DetectionSettings,
        bus: BusSettings,
        rules: RuleWatch,
        control: ControlFollower,
        at: TopicPartition,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._rules = rules
        self._control = control
        self._at = at
        self._state = TopicPartition(topics.STATE, at.partition)
        self._transactions: Transactions | None = None
        self._changelog = Changelog()
        self._gone: list[Change] = []
        self._detector: Detector | None = None
        self._names: tuple[list[str], list[str]] = ([], [])
        self._read: int | None = None
        self._written_at = time.monotonic()
        self.machine: HitsPartition | None = None

    async def open(self, consumer: Consumer) -> int:
        """Fence earlier owners, then read what they left; returns the offset to go on from."""
        transactions = Transactions(
            self._bus, transactional_id=f"{GROUP}-{self._at.partition}", client_id=GROUP
        )
        self._transactions = await transactions.__aenter__()
        committed = (await consumer.committed([self._at]))[self._at]
        async with Reader(self._bus, client_id=f"{GROUP}-state") as reader:
            self._names = (
                sorted(map(_name, await reader.partitions(topics.EVENTS_LOG))),
                sorted(map(_name, await reader.partitions(topics.HITS))),
            )
            records = [
                StateRecord(record.key or b"", record.value)
                for record in await self._everything(reader)
            ]
        progress = Progress()
        for record in records:
            if record.key == _PROGRESS_KEY and record.value is not None:
                with suppress(msgspec.MsgspecError):  # of another version: ticks tell it again
                    progress = msgspec.json.decode(record.value, type=Progress)
        self.machine = self._new_machine()
        groups = (record for record in records if record.key != _PROGRESS_KEY)
        self._gone = self.machine.restore(progress, groups, self._changelog)
        if self._changelog.unreadable:
            log.warning(
                "state_unreadable", partition=self._at.partition, records=self._changelog.unreadable
            )
        return 0 if committed is None else committed.offset

    async def close(self) -> None:
        """Let go of it; nothing is under way."""
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            await transactions.__aexit__(None, None, None)

    async def handle(self, records: Sequence[Record], consumer: Consumer) -> None:
        """Take records, and write what they lead to.

        Raises:
            PipelineError: It could not be written; let go of the partition.
        """
        assert self.machine is not None, "open"
        if self._rules.detector is not self._detector:
            before, self.machine = self.machine, self._new_machine()
            self._gone += self.machine.take_over(before)
        for record in records:
            self._read = record.offset + 1
            try:
                self.machine.observe(decode(record.value or b""))
            except UndecodableRecord as error:
                UNDECODABLE_HITS.inc()
                log.warning("hit_undecodable", offset=record.offset, detail=str(error))
        outcome = self.machine.settle()
        outcome = outcome._replace(changes=[*self._gone, *outcome.changes])
        self._gone = []
        is_due = time.monotonic() - self._written_at >= _COMMIT_SECONDS
        if any(outcome) or (is_due and self._read is not None):
            await self._write(outcome, consumer)

    async def _write(self, outcome: Outcome, consumer: Consumer) -> None:
        assert self._transactions is not None, "open"
        alerts = self._alerts(outcome.firings)
        read = {} if self._read is None else {self._at: Committed(self._read)}
        await self._transactions.write(
            [
                *map(alert_record, alerts),
                *hit_records(outcome.hits),
                *tick_records(outcome.ticks, len(self._names[1])),
                *self._state_records(outcome.changes),
            ],
            read,
            consumer,
        )
        self._read, self._written_at = None, time.monotonic()
        for alert in alerts:
            ALERTS.labels(level=alert.level).inc()

    def _alerts(self, firings: Sequence[Firing]) -> list[Alert]:
        assert self._detector is not None, "open"
        now, off = datetime.now(UTC), disabled_rules(self._control.decisions)
        links = self._detector.links
        return [
            alert_of_firing(firing, observed_time=now)
            for firing in firings
            if firing.correlation.id not in off
            and not links.is_silent(firing.correlation.id, firing.correlation.name)
        ]

    def _state_records(self, changes: Sequence[Change]) -> Iterator[OutgoingRecord]:
        assert self.machine is not None, "open"
        progress = StateRecord(_PROGRESS_KEY, msgspec.json.encode(self.machine.progress))
        for record in (*self._changelog.records(changes), progress):
            yield OutgoingRecord(
                topic=topics.STATE,
                partition=self._at.partition,
                key=record.key,
                value=record.value,
                headers=(SCHEMA_HEADER,),
            )

    def _new_machine(self) -> HitsPartition:
        self._detector = self._rules.detector
        sources, partitions = self._names
        settings, share = self._settings, len(partitions)
        return HitsPartition(
            _name(self._at),
            partitions=partitions,
            sources=sources,
            links=self._detector.links,
            limits=Limits(
                groups=max(1, settings.max_correlation_groups // share),
                hits=max(1, settings.max_correlation_events // share),
                rule_groups=max(1, settings.max_correlation_rule_groups // share),
                rule_hits=max(1, settings.max_correlation_rule_events // share),
            ),
            lateness_us=settings.correlation_lateness // timedelta(microseconds=1),
        )

    async def _everything(self, reader: Reader) -> list[Record]:
        """All that the state's partition holds.

        Raises:
            BusUnavailable: It takes too long.
        """
        held = (await reader.offsets([self._state]))[self._state]
        await reader.assign({self._state: held.start})
        records: list[Record] = []
        deadline = time.monotonic() + _RESTORE_SECONDS
        while reader.positions[self._state] < held.end:
            if time.monotonic() > deadline:
                raise BusUnavailable(f"{topics.STATE}: not read in {_RESTORE_SECONDS} seconds")
            records += await reader.poll(max_records=_PAGE_RECORDS, timeout_seconds=_POLL_SECONDS)
        return records


def _name(at: TopicPartition) -> str:
    return f"{at.topic}:{at.partition}"
