"""Webhooks from a real role: signed, retried, resumed after a kill, one destination by itself."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.control import ControlPublisher
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.codec import encode_alert
from pipeline.schema.control import (
    Decision,
    WebhookDestination,
    WebhookTest,
    webhook_test_id,
)
from pipeline.schema.delivery import Delivery, DeliveryStatus, decode_delivery
from pipeline.schema.topics import ALERTS, DELIVERIES
from pipeline.sinks.webhook import GROUP
from tests.support.broker import everything
from tests.support.receiver import SECRET, Receiver, receiver
from tests.support.records import alert
from tests.support.sinks import Plant, plant
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

WEBHOOK = {"timeout": 30.0, "first_delay": 0.2, "longest_delay": 1.0, "attempts": 5}


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Plant]:
    with plant(tmp_path, webhook=WEBHOOK) as made:
        yield made


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def decide(plant: Plant, *decisions: Decision) -> None:
    async def publish() -> None:
        async with Producer(plant.bus, client_id="test") as producer:
            await ControlPublisher(producer).publish(decisions)

    asyncio.run(publish())


def fire(plant: Plant, *numbers: int, level: str = "high") -> None:
    async def publish() -> None:
        async with Producer(plant.bus, client_id="test") as producer:
            await producer.publish(
                [
                    OutgoingRecord(
                        topic=ALERTS,
                        key=b"rule",
                        value=encode_alert(alert(number, level=level, observed=datetime.now(UTC))),
                    )
                    for number in numbers
                ]
            )

    asyncio.run(publish())


def destination(url: str, *, id: str = "soc", level: str = "medium") -> WebhookDestination:
    return WebhookDestination(id=id, revision=1, url=url, secret=SECRET, minimum_level=level)


def recorded(plant: Plant) -> list[Delivery]:
    records = asyncio.run(everything(plant.bus, DELIVERIES))
    return [decode_delivery(record.value or b"") for record in records]


def settled(plant: Plant) -> Counter[str]:
    return Counter(made.alert_id for made in recorded(plant) if made.next_attempt is None)


def committed(plant: Plant) -> int:
    found = asyncio.run(Admin(plant.bus).committed(GROUP))
    return sum(to.offset for at, to in found.items() if at.topic == ALERTS)


def have_come(there: Receiver, count: int) -> bool:
    return len(there.calls) >= count


def test_a_receiver_that_fails_twice_gets_the_alert_at_the_third_attempt(
    built: Plant, there: Receiver
) -> None:
    there.answers = [500, 503]
    decide(built, destination(there.url))
    built.sinks.start()

    fire(built, 1)
    until(lambda: settled(built).total() == 1, "the alert is delivered")

    assert [made.status for made in recorded(built)] == [
        DeliveryStatus.RETRYING,
        DeliveryStatus.RETRYING,
        DeliveryStatus.DELIVERED,
    ]
    assert [made.response_status for made in recorded(built)] == [500, 503, 204]
    assert [made.attempt for made in recorded(built)] == [1, 2, 3]
    assert all(call.is_signed for call in there.calls)
    assert len({call.headers["webhook-id"] for call in there.calls}) == 1
    first, second, third = (call.at for call in there.calls)
    assert second - first >= 0.1
    assert third - second >= 0.2


def test_a_kill_in_the_middle_neither_loses_nor_repeats_what_is_on_record(
    built: Plant, there: Receiver
) -> None:
    decide(built, destination(there.url))
    built.sinks.start()
    fire(built, *range(20))
    until(lambda: settled(built).total() == 20, "the first are delivered")
    there.answers = [500] * 8
    fire(built, *range(20, 40))
    until(partial(have_come, there, 24), "some of the others were tried")
    built.sinks.kill()
    under_way = {call.alert_id for call in there.calls[20:]}
    on_record = settled(built)

    built.sinks.start()
    until(lambda: len(settled(built)) == 40, "all are delivered")

    told = Counter(call.alert_id for call in there.calls)
    assert told.keys() == {alert(number).id for number in range(40)}
    finished = {id for id in on_record if id not in under_way} | {alert(n).id for n in range(20)}
    assert {id for id in finished if told[id] > 1} == set()
    assert set(settled(built).values()) == {1}


def test_a_restart_goes_on_with_what_waits_for_its_next_attempt(
    built: Plant, there: Receiver
) -> None:
    there.answers, there.headers = [503], {"retry-after": "2"}
    decide(built, destination(there.url))
    built.sinks.start()
    fire(built, 1)
    until(lambda: committed(built) == 1, "its first attempt is on record")
    there.headers = {}

    built.sinks.stop()
    built.sinks.start()
    until(lambda: settled(built).total() == 1, "it is delivered")

    assert [made.attempt for made in recorded(built)] == [1, 2]
    assert there.calls[1].at - there.calls[0].at >= 1.9  # the receiver had asked for two seconds


def test_a_dead_destination_delays_no_other(tmp_path: Path, there: Receiver) -> None:
    endless = {**WEBHOOK, "timeout": 600.0}  # none of its attempts ends within this test
    with plant(tmp_path, webhook=endless) as built, receiver() as dead:
        dead.hold.clear()
        decide(built, destination(there.url), destination(dead.url, id="dead"))
        built.sinks.start()

        fire(built, *range(50))
        until(partial(have_come, there, 50), "the living one is told")

        assert len(dead.calls) <= 20


def test_only_alerts_of_its_level_reach_a_destination(built: Plant, there: Receiver) -> None:
    decide(built, destination(there.url, level="high"))
    built.sinks.start()

    fire(built, 1, level="low")
    fire(built, 2, level="critical")
    until(lambda: committed(built) == 2, "both are handled")

    assert [call.alert_id for call in there.calls] == [alert(2).id]


def test_attempts_end_and_the_failure_is_on_record(built: Plant, there: Receiver) -> None:
    there.answers = [500] * 5
    decide(built, destination(there.url))
    built.sinks.start()

    fire(built, 1)
    until(lambda: settled(built).total() == 1, "it is given up")

    assert len(there.calls) == 5
    assert recorded(built)[-1].status is DeliveryStatus.FAILED
    assert recorded(built)[-1].error.startswith("500")


def test_an_alert_that_is_written_twice_is_told_once(built: Plant, there: Receiver) -> None:
    decide(built, destination(there.url))
    built.sinks.start()

    fire(built, 1, 1, 2)
    fire(built, 1)
    until(lambda: committed(built) == 4, "all are handled")

    assert Counter(call.alert_id for call in there.calls) == {alert(1).id: 1, alert(2).id: 1}


def press(revision: int, *, asked: datetime | None = None) -> WebhookTest:
    return WebhookTest(
        id="soc", revision=revision, asked=asked or datetime.now(UTC), asked_by="ines"
    )


def test_each_test_of_a_destination_is_delivered_once_over_restarts_and_kills(
    built: Plant, there: Receiver
) -> None:
    decide(built, destination(there.url, level="critical"), press(1))  # both at once
    built.sinks.start()
    until(lambda: settled(built).total() == 1, "the first is delivered")
    decide(built, press(1), press(2))  # the outbox may send a press twice
    until(lambda: settled(built).total() == 2, "the second is delivered")

    built.sinks.kill()
    built.sinks.start()
    decide(built, press(3))
    until(lambda: settled(built).total() == 3, "the third is delivered")
    built.sinks.stop()
    built.sinks.start()
    fire(built, 1, level="critical")
    until(lambda: settled(built).total() == 4, "so is an alert after all of them")

    told = [call.alert_id for call in there.calls]
    assert told == [*(webhook_test_id("soc", number) for number in (1, 2, 3)), alert(1).id]
    assert all(call.is_signed for call in there.calls)
    assert [json.loads(call.body).get("test") for call in there.calls] == [True, True, True, None]


def test_a_test_that_fails_says_so_and_is_not_tried_again(built: Plant, there: Receiver) -> None:
    there.answers = [500]
    decide(built, destination(there.url))
    built.sinks.start()

    decide(built, press(1))
    until(lambda: settled(built).total() == 1, "its outcome is on record")
    decide(built, press(2, asked=datetime.now(UTC) - timedelta(days=2)), press(3))
    until(lambda: settled(built).total() == 2, "the one of now is delivered")

    assert [(made.status, made.response_status) for made in recorded(built)] == [
        (DeliveryStatus.FAILED, 500),
        (DeliveryStatus.DELIVERED, 204),
    ]
    assert recorded(built)[-1].alert_id == webhook_test_id("soc", 3)
    assert len(there.calls) == 2
