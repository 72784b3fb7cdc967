"""What a real producer hears of one record, or of the connection that it cannot make."""

import threading
from collections.abc import Mapping

from confluent_kafka import KafkaError, Producer

SECONDS = 30


def first_told(
    configuration: Mapping[str, str | int | float | bool],
    topic: str,
    value: bytes,
    *,
    awaited: int | None = None,
) -> KafkaError | None:
    """Produce a record; None if it was delivered, else what the client was told first.

    Args:
        awaited: A failure of the connection (``KafkaError._SSL``, …) that ends the waiting; a
            client tells of several, in any order, and goes on trying.
    """
    told = threading.Event()
    outcomes: list[KafkaError | None] = []

    def on_error(error: KafkaError) -> None:
        if error.code() == awaited:
            outcomes.append(error)
            told.set()

    def on_delivery(error: KafkaError | None, _message: object) -> None:
        outcomes.append(error)
        told.set()

    producer = Producer({**configuration, "error_cb": on_error})
    producer.produce(topic, value, on_delivery=on_delivery)
    for _ in range(SECONDS * 10):
        producer.poll(0.1)
        if told.is_set():
            break
    producer.purge()
    return outcomes[0]
