"""The client of the broker benchmark: librdkafka, the same for every broker."""

import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from statistics import quantiles

from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

BATCH_RECORDS = 1_000
CALL_SECONDS = 60.0
STALLED_SECONDS = 60.0
WARM_UP_SECONDS = 2.0
_STAMP = struct.Struct(">d")
_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent: the size of a record, its batch's codec, and over how many partitions."""

    record_bytes: int
    codec: str
    partitions: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.record_bytes} B, {self.codec}, {self.partitions} partitions"


@dataclass(frozen=True, slots=True)
class Rates:
    """How many records passed, in how many seconds."""

    records: int
    seconds: float


def make_topic(address: str, *, partitions: int) -> str:
    """A fresh topic, ready to use."""
    name = f"bench-{next(_numbers)}"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(CALL_SECONDS)
    return name


def payload(record_bytes: int) -> bytes:
    """Text that compresses about as log lines do."""
    line = b"<38>Nov 22 12:00:01 web-%03d sshd[%05d]: Connection closed by 192.0.2.%d port %d; "
    text = b"".join(line % (n % 97, n * 7919 % 99991, n % 251, n * 31 % 64511) for n in range(50))
    return text[:record_bytes]


def producer(address: str, codec: str, *, linger_ms: int) -> Producer:
    """acks=all, idempotent, batches as large as they get."""
    return Producer(
        {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "compression.type": codec,
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": 200_000,
            "queue.buffering.max.kbytes": 256 << 10,
        }
    )


def consumer(address: str, topic: str) -> Consumer:
    """A member of a group of its own, from the beginning."""
    found = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"bench-{topic}-{next(_numbers)}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,
        }
    )
    found.subscribe([topic])
    return found


def fill(address: str, topic: str, load: Load, total_bytes: int) -> Rates:
    """Produce that many bytes as fast as it goes, until the last acknowledgement."""
    records = total_bytes // load.record_bytes // BATCH_RECORDS * BATCH_RECORDS
    sender = producer(address, load.codec, linger_ms=10)
    batch = [{"value": payload(load.record_bytes)} for _ in range(BATCH_RECORDS)]
    failed: list[KafkaError] = []
    for partition in range(load.partitions):  # connections and the producer id are there now
        sender.produce(topic, b"", partition=partition)
    assert sender.flush(CALL_SECONDS) == 0
    started = time.monotonic()
    for number in range(records // BATCH_RECORDS):
        partition = number % load.partitions
        while len(sender) > 150_000:
            sender.poll(0.01)
        queued = sender.produce_batch(topic, batch, partition, _noting(failed))
        assert queued == BATCH_RECORDS
        sender.poll(0)
    assert sender.flush(CALL_SECONDS) == 0
    seconds = time.monotonic() - started
    assert not failed, failed[0]
    return Rates(records, seconds)


def swallow(address: str, topic: str, records: int) -> Rates:
    """Consume that many records as fast as it goes, from the first one on."""
    reader = consumer(address, topic)
    first = _some(reader)
    started = time.monotonic()
    seen = len(first)
    while seen < records:
        seen += len(_some(reader))
    seconds = time.monotonic() - started
    reader.close()
    return Rates(records - len(first), seconds)


def end_to_end(
    address: str, topic: str, *, rate: int, seconds: int, linger_ms: int
) -> dict[str, float]:
    """Milliseconds from produce() to the consumer's hand, at a fixed rate of single records."""
    reader = consumer(address, topic)
    sender = producer(address, "none", linger_ms=linger_ms)
    delays: list[float] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for message in reader.consume(1_000, 0.05):
                (sent,) = _STAMP.unpack_from(message.value() or b"")
                delays.append(time.monotonic() - sent)

    reading = threading.Thread(target=read)
    reading.start()
    total = int(rate * (seconds + WARM_UP_SECONDS))
    started = time.monotonic()
    for number in range(total):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        sender.produce(topic, _STAMP.pack(time.monotonic()) + bytes(192))
        sender.poll(0)
    sender.flush(CALL_SECONDS)
    deadline = time.monotonic() + STALLED_SECONDS
    while len(delays) < total and time.monotonic() < deadline:
        time.sleep(0.05)
    done.set()
    reading.join()
    reader.close()
    assert len(delays) == total, f"{len(delays)} of {total} arrived"
    cuts = quantiles(delays[int(rate * WARM_UP_SECONDS) :], n=100)
    return {"p50": round(cuts[49] * 1e3, 2), "p99": round(cuts[98] * 1e3, 2)}


def steady(address: str, topic: str, load: Load, *, rate: int, seconds: int) -> Rates:
    """Produce at a fixed rate while a consumer reads all of it."""
    reader = consumer(address, topic)
    sender = producer(address, load.codec, linger_ms=20)
    batch = [{"value": payload(load.record_bytes)} for _ in range(100)]
    rounds = rate * seconds // len(batch)
    started = time.monotonic()
    seen = 0
    for number in range(rounds):
        time.sleep(max(0.0, started + number * len(batch) / rate - time.monotonic()))
        sender.produce_batch(topic, batch, number % load.partitions)
        sender.poll(0)
        seen += len(_checked(reader.consume(10_000, 0)))
    sender.flush(CALL_SECONDS)
    while seen < rounds * len(batch):
        seen += len(_some(reader))
    took = time.monotonic() - started
    reader.close()
    return Rates(seen, took)


def _some(reader: Consumer) -> list[Message]:
    """The next records, as soon as there are any."""
    deadline = time.monotonic() + STALLED_SECONDS
    while time.monotonic() < deadline:
        if messages := _checked(reader.consume(10_000, 0.1)):
            return messages
    raise AssertionError("nothing arrives")


def _checked(messages: list[Message]) -> list[Message]:
    for message in messages:
        if error := message.error():
            raise AssertionError(error.str())
    return messages


def _noting(failed: list[KafkaError]) -> Callable[[KafkaError | None, Message], None]:
    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    return note
