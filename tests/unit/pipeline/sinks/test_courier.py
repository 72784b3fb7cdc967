import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from pipeline.bus.position import Position
from pipeline.schema.control import WebhookDestination
from pipeline.schema.delivery import Delivery, DeliveryStatus
from pipeline.settings import WebhookSettings
from pipeline.sinks import courier as courier_module
from pipeline.sinks.courier import Courier, Job
from pipeline.sinks.post import Post
from tests.support.receiver import SECRET, Receiver, receiver
from tests.support.records import alert

SETTINGS = WebhookSettings(
    attempts=2,
    timeout=timedelta(seconds=60),
    first_delay=timedelta(milliseconds=1),
    longest_delay=timedelta(milliseconds=2),
)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


class Records:
    """What a courier put on record, and who waits for it."""

    def __init__(self) -> None:
        self.made: list[Delivery] = []
        self.settled: list[str] = []
        self._grown = asyncio.Condition()

    async def take(self, delivery: Delivery) -> None:
        self.made.append(delivery)
        async with self._grown:
            self._grown.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60), self._grown:
            await self._grown.wait_for(lambda: len(self.made) >= count)

    def statuses(self) -> list[DeliveryStatus]:
        return [made.status for made in self.made]


def job(records: Records, number: int, *, partition: int = 0, attempts: int = 0) -> Job:
    made = alert(number)
    return Job(
        alert=made,
        position=Position("alerts", partition, number),
        destination="soc",
        attempts=attempts,
        settled=lambda: records.settled.append(made.id),
    )


@asynccontextmanager
async def running(
    records: Records, look_up: Callable[[], WebhookDestination | None]
) -> AsyncIterator[Courier]:
    async with Post(SETTINGS) as post:
        made = Courier("soc", post=post, look_up=look_up, record=records.take, settings=SETTINGS)
        task = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def at(url: str) -> Callable[[], WebhookDestination]:
    return lambda: WebhookDestination(id="soc", revision=1, url=url, secret=SECRET)


async def test_a_job_is_settled_once_however_many_attempts_it_takes(there: Receiver) -> None:
    records = Records()
    there.answers = [500]

    async with running(records, at(there.url)) as courier:
        courier.take(job(records, 1))
        await records.until(2)
        await courier.settle()

    assert records.statuses() == [DeliveryStatus.RETRYING, DeliveryStatus.DELIVERED]
    assert records.settled == [alert(1).id]


async def test_attempts_of_an_earlier_process_count(there: Receiver) -> None:
    records = Records()
    there.answers = [500]

    async with running(records, at(there.url)) as courier:
        courier.take(job(records, 1, attempts=1))
        await records.until(1)

    assert records.statuses() == [DeliveryStatus.FAILED]
    assert records.made[0].attempt == 2


async def test_a_destination_that_was_withdrawn_is_not_called(there: Receiver) -> None:
    records = Records()

    async with running(records, lambda: None) as courier:
        courier.take(job(records, 1))
        await records.until(1)

    assert records.statuses() == [DeliveryStatus.FAILED]
    assert "withdrawn" in records.made[0].error
    assert there.calls == []


async def test_what_waits_of_a_revoked_partition_is_forgotten(there: Receiver) -> None:
    records = Records()

    async with running(records, at(there.url)) as courier:
        courier.take(job(records, 1, partition=1), delay_seconds=0.2)
        courier.take(job(records, 2, partition=2), delay_seconds=0.3)
        courier.forget("alerts", 1)
        await records.until(1)

    assert [made.alert_id for made in records.made] == [alert(2).id]


async def test_the_one_that_is_due_first_goes_first(there: Receiver) -> None:
    records = Records()

    async with running(records, at(there.url)) as courier:
        courier.take(job(records, 1), delay_seconds=0.2)
        courier.take(job(records, 2))
        await records.until(2)

    assert [made.alert_id for made in records.made] == [alert(2).id, alert(1).id]


async def test_too_much_waiting_ends_the_oldest_with_a_named_failure(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "MAX_WAITING", 2)
    records = Records()

    async with running(records, at(there.url)) as courier:
        for number in range(4):
            courier.take(job(records, number))
        await records.until(4)

    failed = [made for made in records.made if made.status is DeliveryStatus.FAILED]
    assert {made.error for made in failed} == {"too much is waiting"}
    assert {made.alert_id for made in failed} == {alert(0).id, alert(1).id}
    assert len(there.calls) == 2
