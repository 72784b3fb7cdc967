"""Records that others produce to ``raw.*``, over a real broker, with the collectors killed."""

from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pipeline.collectors.kafka import GROUP
from pipeline.collectors.raw_progress import (
    ORIGIN_HEADER,
    RawProgress,
    origin,
    target_partition,
)
from pipeline.schema.event import derived_event_id
from tests.support.collectors import CollectorsProcess, cluster_id, events, records
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

pytestmark = pytest.mark.process
EVENT = (
    b'{"id": "018f0000-0000-7000-8000-00000000000%d", "kind": "log", "fields": {"message": '
    b'"message %d"}, "source": "kafka:raw.syslog", "time": "2026-11-22T12:00:00Z", '
    b'"observed_time": "2026-11-22T12:00:00Z"}'
)
SYSLOG = b"<34>1 2026-11-22T12:00:00Z mail sshd 1 - - message %d"


def until_events(broker: str, count: int) -> None:
    until(lambda: len(records(broker, "events.log")) >= count, f"{count} events")


def produce(broker: str, topic: str, values: list[bytes | None], *, partitions: int = 3) -> None:
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 5, "log_level": 0})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % partitions)
        producer.poll(0)
    assert producer.flush(60) == 0


def test_each_raw_topic_is_read_as_what_it_is(tmp_path: Path) -> None:
    with StandaloneBroker(tmp_path) as broker, CollectorsProcess(broker.address):
        produce(broker.address, "raw.syslog", [SYSLOG % 1], partitions=1)
        produce(broker.address, "raw.json", [b'{"user": "root"}', None], partitions=1)
        produce(broker.address, "raw.windows", [b'{"Channel": "Security"}'], partitions=1)
        produce(broker.address, "raw.firewall", [b"not any format"], partitions=1)
        until_events(broker.address, 4)
        until(lambda: len(records(broker.address, "dead-letter")) == 1, "one dead letter")
        found = {event.source: event for event in events(broker.address)}
        cluster = cluster_id(broker.address)
        (parked,) = records(broker.address, "dead-letter")

    assert found["kafka:raw.syslog"].fields["program"] == "sshd"
    assert found["kafka:raw.json"].fields["user"] == "root"
    assert found["kafka:raw.windows"].fields["Channel"] == "Security"
    assert found["kafka:raw.firewall"].raw == b"not any format"
    assert found["kafka:raw.json"].id == derived_event_id(cluster, "raw.json", 0, 0)
    headers = dict(parked.headers() or [])
    assert (headers["reason"], headers["origin_topic"]) == (b"empty", b"raw.json")


def test_no_record_of_a_raw_topic_holds_up_those_after_it(tmp_path: Path) -> None:
    strange = [b"{" * 2_000, b'{"a":' * 1_000 + b"1" + b"}" * 1_000, b"\xff" * 100]
    with StandaloneBroker(tmp_path) as broker, CollectorsProcess(broker.address):
        producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
        for timestamp_ms in (1, 253_402_300_800_000, 2**62):  # 1970, the year 10,000, never
            for value in strange:
                producer.produce("raw.json", value, partition=0, timestamp=timestamp_ms)
        producer.produce("raw.json", b"the last", partition=0)
        assert producer.flush(60) == 0
        until_events(broker.address, 10)
        found = events(broker.address)

    assert found[-1].raw == b"the last"


def test_what_was_published_but_not_committed_is_not_published_again(tmp_path: Path) -> None:
    with StandaloneBroker(tmp_path) as broker:
        with CollectorsProcess(broker.address):
            pass  # makes the topics
        produce(broker.address, "raw.syslog", [SYSLOG % one for one in range(10)], partitions=1)
        target = target_partition("raw.syslog", 0, 6)
        published = Producer({"bootstrap.servers": broker.address, "log_level": 0})
        for offset in (0, 1, 2, 5):
            headers: dict[str, str | bytes | None] = {
                ORIGIN_HEADER: origin("raw.syslog", 0, offset)
            }
            published.produce(
                "events.log", EVENT % (offset, offset), partition=target, headers=headers
            )
        assert published.flush(60) == 0
        progress = RawProgress(target=target, after=0).text()
        committer = Consumer({"bootstrap.servers": broker.address, "group.id": GROUP})
        committer.commit(
            offsets=[TopicPartition("raw.syslog", 0, 0, metadata=progress)], asynchronous=False
        )
        committer.close()
        with CollectorsProcess(broker.address):
            produce(broker.address, "raw.syslog", [SYSLOG % 10], partitions=1)
            until_events(broker.address, 11)
        found = events(broker.address)

    assert Counter(event.fields["message"] for event in found) == Counter(
        f"message {one}" for one in range(11)
    )


@pytest.mark.timeout(300)
def test_every_record_is_one_event_however_often_the_collectors_are_killed(
    tmp_path: Path,
) -> None:
    rounds, each = 3, 12_000
    with StandaloneBroker(tmp_path) as broker, CollectorsProcess(broker.address) as collectors:
        for number in range(rounds):
            carried = len(records(broker.address, "events.log")) + 1
            values = [SYSLOG % (number * each + one) for one in range(each)]
            produce(broker.address, "raw.syslog", list(values))
            until_events(broker.address, carried)
            collectors.kill()
            collectors.start()
        until_events(broker.address, rounds * each)
        produce(broker.address, "raw.syslog", [SYSLOG % -1], partitions=1)
        until_events(broker.address, rounds * each + 1)
        found = events(broker.address)

    messages = Counter(event.fields["message"] for event in found)
    assert messages == Counter(f"message {one}" for one in range(-1, rounds * each))
