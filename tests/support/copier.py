"""A process that copies a topic to another in transactions, until it is killed.

``python -m tests.support.copier ADDRESS SOURCE TARGET``: each record to the partition it came from;
its offset is committed in the same transaction. Now and then it aborts one on purpose. A line with
the number of records for every transaction that was committed.
"""

import random
import sys

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

BATCH = 20
SECONDS = 30


def copy(consumer: Consumer, producer: Producer, target: str, messages: list[Message]) -> int:
    """Copy some records in one transaction; return how many were committed."""
    producer.begin_transaction()
    for message in messages:
        producer.produce(target, message.value(), partition=message.partition() or 0)
    places = consumer.position(consumer.assignment())
    metadata = consumer.consumer_group_metadata()
    producer.send_offsets_to_transaction(places, metadata, SECONDS)
    if random.random() < 0.2:
        producer.flush(SECONDS)
        producer.abort_transaction(SECONDS)
        seek_back(consumer, messages)
        return 0
    producer.commit_transaction(SECONDS)
    return len(messages)


def seek_back(consumer: Consumer, messages: list[Message]) -> None:
    """Read again what was not copied."""
    first: dict[tuple[str, int], int] = {}
    for message in messages:
        place = message.topic() or "", message.partition() or 0
        first.setdefault(place, message.offset() or 0)
    for (topic, partition), offset in first.items():
        consumer.seek(TopicPartition(topic, partition, offset))


def main(address: str, source: str, target: str) -> None:
    """Copy for ever; any failure ends the process, which is started again."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "copier",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "group.instance.id": "copier",  # who takes over waits for no session to end
            "session.timeout.ms": 6000,
            "reconnect.backoff.max.ms": 200,
            "log_level": 0,
        }
    )
    consumer.subscribe([source])
    producer = Producer(
        {
            "bootstrap.servers": address,
            "transactional.id": "copier",
            "transaction.timeout.ms": 10_000,
            # Else librdkafka 2.16 forgets its brokers when the only one is away, waits for ever for
            # the forgotten one to take an offset, and no time limit ends that (librdkafka 5511 and
            # 5456). It hangs the same way when Apache Kafka is restarted: docs/reference/judges.md.
            "metadata.recovery.strategy": "none",
            "reconnect.backoff.max.ms": 200,
            "log_level": 0,
        }
    )
    producer.init_transactions(SECONDS)
    while True:
        messages = [one for one in consumer.consume(BATCH, 0.1) if one.error() is None]
        if messages:
            sys.stdout.write(f"{copy(consumer, producer, target, messages)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KafkaException as error:
        sys.exit(str(error))
