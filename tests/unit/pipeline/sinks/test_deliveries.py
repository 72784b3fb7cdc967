from datetime import timedelta

from pipeline.bus.position import TopicPartition
from pipeline.schema.delivery import (
    Delivery,
    DeliveryStatus,
    decode_delivery,
    delivery_id,
    encode_delivery,
)
from pipeline.sinks.deliveries import KnownDeliveries
from tests.support.records import NOON

AT = TopicPartition("alerts", 0)
DELIVERED, RETRYING, FAILED = (
    DeliveryStatus.DELIVERED,
    DeliveryStatus.RETRYING,
    DeliveryStatus.FAILED,
)


def delivery(alert: str, attempt: int, status: DeliveryStatus, *, partition: int = 0) -> Delivery:
    return Delivery(
        id=delivery_id(alert, "soc", attempt),
        alert_id=alert,
        alert_topic="alerts",
        alert_partition=partition,
        alert_offset=5,
        destination="soc",
        attempt=attempt,
        status=status,
        time=NOON,
        duration_ms=12,
        response_status=503,
        error="busy",
        next_attempt=NOON + timedelta(seconds=1) if status is RETRYING else None,
    )


def test_a_delivery_survives_its_record() -> None:
    for status in DeliveryStatus:
        made = delivery("a", 3, status)

        assert decode_delivery(encode_delivery(made)) == made


def test_the_latest_attempt_says_where_an_alert_stands() -> None:
    known = KnownDeliveries()
    for made in (
        delivery("done", 1, RETRYING),
        delivery("done", 2, DELIVERED),
        delivery("open", 1, RETRYING),
        delivery("given up", 1, FAILED),
        delivery("elsewhere", 1, RETRYING, partition=7),
    ):
        known.take(made)

    assert [waiting.alert_id for waiting in known.waiting([AT])] == ["open"]
    assert known.of("done", "soc") == delivery("done", 2, DELIVERED)
    assert known.of("done", "another destination") is None


def test_records_out_of_order_change_nothing() -> None:
    known = KnownDeliveries()
    known.take(delivery("a", 2, DELIVERED))
    known.take(delivery("a", 1, RETRYING))
    known.take(delivery("a", 2, RETRYING))

    assert known.waiting([AT]) == []


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    known = KnownDeliveries(limit=3)
    for number in range(5):
        known.take(delivery(str(number), 1, DELIVERED))

    assert len(known) == 3
    assert known.of("0", "soc") is None
    assert known.of("4", "soc") is not None
