"""Alerts to people and programs: signed, retried, logged, redelivered. And tests, on request.

Every attempt is a record of ``deliveries``. An alert's offset is committed once every
destination that wants it has its first attempt on record, so a dead destination holds back
neither the others nor the reading; a restart goes on with what is on record as retrying and
sends nothing again that is on record as delivered. Between an answer and its record a crash may
send twice, under the same ``webhook-id``. A test of a destination is a record of ``control`` that
is read like an alert, at its offset, once, and sent like one; it is not retried.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.control import ControlFollower
from pipeline.bus.position import Committed, Position, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.errors import PartitionLost, UndecodableRecord
from pipeline.schema.alert import LEVELS, Alert
from pipeline.schema.codec import decode_alert
from pipeline.schema.control import (
    WebhookDestination,
    WebhookTest,
    decode_decision,
    webhook_test_id,
)
from pipeline.schema.delivery import Delivery, encode_delivery
from pipeline.schema.topics import ALERTS, CONTROL, DELIVERIES
from pipeline.settings import BusSettings, WebhookSettings
from pipeline.sinks.backoff import until_done
from pipeline.sinks.courier import Courier, Job
from pipeline.sinks.deliveries import Key, KnownDeliveries, read_tail
from pipeline.sinks.post import Post
from pipeline.sinks.sample_alert import sample_alert
from pipeline.sinks.watermark import Watermark

log = structlog.get_logger()

GROUP = "tocsin-sink-webhook"
POLL_RECORDS = 500
POLL_SECONDS = 0.25
MAX_OPEN_ALERTS = 20_000
CATCH_UP_SECONDS = 5.0
OLDEST_TEST = timedelta(days=1)


def wants(destination: WebhookDestination, level: str) -> bool:
    """Whether alerts of this level are sent there; a level nobody knows counts as the highest."""
    if not destination.enabled:
        return False
    minimum = LEVELS.index(destination.minimum_level) if destination.minimum_level in LEVELS else 0
    return level not in LEVELS or LEVELS.index(level) >= minimum


class WebhookSink:
    """Tells destinations of alerts. For the loop.

    Args:
        settings: Which cluster, and how to sign in.
        webhook: Timeouts and attempts.
        follower: Knows the destinations; started.
        producer: Records deliveries; entered.
        post: Makes attempts; entered.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        webhook: WebhookSettings,
        follower: ControlFollower,
        producer: Producer,
        post: Post,
    ) -> None:
        self._settings = settings
        self._webhook = webhook
        self._follower = follower
        self._producer = producer
        self._post = post
        self._known = KnownDeliveries()
        self._marks: dict[TopicPartition, Watermark] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._to_restore: dict[TopicPartition, int] = {}
        self._couriers: dict[str, Courier] = {}
        self._under_way: dict[Key, TopicPartition] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._paused = False

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Deliver until cancelled."""
        consumer = Consumer(
            self._settings,
            group=GROUP,
            topics=[ALERTS, CONTROL],
            client_id=GROUP,
            on_assigned=self._assigned,
            on_revoked=self._revoked,
        )
        async with asyncio.TaskGroup() as self._tasks, consumer:
            ready()
            while True:
                records = await consumer.poll(
                    max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS
                )
                if self._to_restore:
                    await self._restore()
                if any(map(_test_in, records)):  # of a destination that is decided before it
                    await self._follower.catch_up(CATCH_UP_SECONDS)
                for record in records:
                    self._take(record)
                await self._commit(consumer)
                await self._hold_back(consumer)

    def _assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        self._marks = {at: Watermark() for at in committed}
        self._to_restore = {at: known.offset if known else 0 for at, known in committed.items()}
        self._reached.clear()
        self._paused = False
        return {}

    async def _revoked(self, gone: Sequence[TopicPartition]) -> None:
        """Let go of what waits, and let the attempts under way get on record."""
        for at in gone:
            self._marks.pop(at, None)
            self._reached.pop(at, None)
            self._to_restore.pop(at, None)
            for courier in self._couriers.values():
                courier.forget(at.topic, at.partition)
        kept = {key: at for key, at in self._under_way.items() if at not in set(gone)}
        self._under_way = kept
        await asyncio.gather(*(courier.settle() for courier in self._couriers.values()))

    async def _restore(self) -> None:
        """Learn from the deliveries topic what is done, and go on with what is not."""

        async def read() -> list[Delivery]:
            return await read_tail(self._settings, client_id=GROUP)

        for delivery in await until_done(read, doing="restore", what=DELIVERIES):
            self._known.take(delivery)
        restoring, self._to_restore = self._to_restore, {}
        waiting = [
            delivery
            for delivery in self._known.waiting(restoring)
            if delivery.alert_offset < restoring[_partition(delivery)]  # others are read anyway
        ]
        admin = Admin(self._settings, client_id=GROUP)
        for delivery in waiting:
            await self._resume(admin, delivery)
        log.info("deliveries_restored", known=len(self._known), waiting=len(waiting))

    async def _resume(self, admin: Admin, delivery: Delivery) -> None:
        """Go on with a delivery whose alert is committed already: read the alert again."""

        async def read() -> list[Record]:
            return await admin.read(_partition(delivery), delivery.alert_offset, 1)

        records = await until_done(read, doing="restore", what=delivery.alert_id)
        alert = _alert_in(records[0]) if records else None
        if alert is None or alert.id != delivery.alert_id:
            log.warning("alert_gone", alert=delivery.alert_id, destination=delivery.destination)
            return
        self._hand_over(alert, records[0], delivery.destination, delivery, lambda: None)

    def _take(self, record: Record) -> None:
        at = TopicPartition(record.topic, record.partition)
        mark = self._marks.get(at)
        if mark is None:
            return  # revoked while it was on its way here
        alert = _alert_in(record)
        if record.topic == CONTROL:
            self._take_decision(record, mark)
        elif alert is None:
            mark.begin(record.offset, parts=0)
        else:
            names = self._to_be_told(alert)
            mark.begin(record.offset, parts=len(names))
            for name in names:
                known = self._known.of(alert.id, name)
                self._hand_over(alert, record, name, known, self._settler(at, mark, record.offset))
        self._note(at, mark.advance())

    def _take_decision(self, record: Record, mark: Watermark) -> None:
        """Deliver a test that nobody delivered yet; other decisions are the follower's."""
        test = _test_in(record)
        if test is None or not self._is_due(test):
            mark.begin(record.offset, parts=0)
            return
        mark.begin(record.offset, parts=1)
        at = TopicPartition(record.topic, record.partition)
        settled = self._settler(at, mark, record.offset)
        self._hand_over(sample_alert(test), record, test.id, None, settled, is_test=True)

    def _is_due(self, test: WebhookTest) -> bool:
        """Whether nobody delivered the test yet, and somebody still waits for it."""
        key = (webhook_test_id(test.id, test.revision), test.id)
        is_old = datetime.now(UTC) - test.asked > OLDEST_TEST
        return not is_old and key not in self._under_way and self._known.of(*key) is None

    def _to_be_told(self, alert: Alert) -> list[str]:
        """The destinations that want this alert and are not known to be done with it."""
        names = []
        for decision in self._follower.decisions.values():
            if isinstance(decision, WebhookDestination) and wants(decision, alert.level):
                known = self._known.of(alert.id, decision.id)
                under_way = (alert.id, decision.id) in self._under_way
                if not under_way and (known is None or known.next_attempt is not None):
                    names.append(decision.id)
        return names

    def _hand_over(
        self,
        alert: Alert,
        record: Record,
        destination: str,
        known: Delivery | None,
        settled: Callable[[], None],
        *,
        is_test: bool = False,
    ) -> None:
        wait = 0.0
        if known is not None and known.next_attempt is not None:
            wait = (known.next_attempt - datetime.now(UTC)).total_seconds()
        job = Job(
            alert=alert,
            position=Position(record.topic, record.partition, record.offset),
            destination=destination,
            attempts=known.attempt if known is not None else 0,
            settled=settled,
            is_test=is_test,
        )
        self._under_way[alert.id, destination] = TopicPartition(record.topic, record.partition)
        self._courier(destination).take(job, delay_seconds=wait)

    def _courier(self, name: str) -> Courier:
        courier = self._couriers.get(name)
        if courier is None:
            assert self._tasks is not None, "running"
            courier = self._couriers[name] = Courier(
                name,
                post=self._post,
                look_up=lambda: self._destination(name),
                record=self._record,
                settings=self._webhook,
            )
            self._tasks.create_task(courier.run(), name=f"courier-{name}")
        return courier

    def _destination(self, name: str) -> WebhookDestination | None:
        found = self._follower.decisions.get(f"webhook:{name}")
        return found if isinstance(found, WebhookDestination) and found.enabled else None

    async def _record(self, delivery: Delivery) -> None:
        record = OutgoingRecord(
            topic=DELIVERIES, key=delivery.alert_id.encode(), value=encode_delivery(delivery)
        )
        await until_done(
            lambda: self._producer.publish([record]), doing="record", what=delivery.destination
        )
        self._known.take(delivery)
        if delivery.next_attempt is None:
            self._under_way.pop((delivery.alert_id, delivery.destination), None)

    def _settler(self, at: TopicPartition, mark: Watermark, offset: int) -> Callable[[], None]:
        def settled() -> None:
            reached = mark.settle(offset)
            if self._marks.get(at) is mark:
                self._note(at, reached)

        return settled

    def _note(self, at: TopicPartition, reached: int | None) -> None:
        if reached is not None:
            self._reached[at] = reached

    async def _commit(self, consumer: Consumer) -> None:
        reached, self._reached = self._reached, {}
        if not reached:
            return
        offsets = {at: Committed(offset) for at, offset in reached.items()}
        try:
            await until_done(lambda: consumer.commit(offsets), doing="commit", what=GROUP)
        except PartitionLost:
            log.info("commit_outlived_partitions", partitions=len(offsets))

    async def _hold_back(self, consumer: Consumer) -> None:
        """Read no more while too many alerts wait for their first attempt."""
        is_full = sum(len(mark) for mark in self._marks.values()) > MAX_OPEN_ALERTS
        if is_full != self._paused:
            change = consumer.pause if is_full else consumer.resume
            await change(list(self._marks))
            self._paused = is_full


def _alert_in(record: Record) -> Alert | None:
    """The alert; None for what is not one, which the ClickHouse sink parks and counts."""
    if record.topic != ALERTS:
        return None
    try:
        return decode_alert(record.value or b"")
    except UndecodableRecord:
        return None


def _test_in(record: Record) -> WebhookTest | None:
    """The test that somebody asked for; None for alerts and other decisions."""
    if record.topic != CONTROL or not record.value:
        return None
    try:
        decision = decode_decision(record.value)
    except UndecodableRecord:
        return None  # the follower counts it
    return decision if isinstance(decision, WebhookTest) else None


def _partition(delivery: Delivery) -> TopicPartition:
    return TopicPartition(delivery.alert_topic, delivery.alert_partition)
