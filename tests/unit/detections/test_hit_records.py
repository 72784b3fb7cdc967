import pytest

from detections.correlation.partition import Tick
from detections.hit_records import decode, hit_records, tick_records
from pipeline.errors import UndecodableRecord
from pipeline.schema.topics import HITS
from tests.support.correlations import correlation, hit


def test_a_hit_comes_back_from_the_log_as_it_was() -> None:
    one = hit(correlation(), 1, user="ä", carried={"host": "web-1"})

    [record] = hit_records([one])

    assert record.value is not None
    assert (record.topic, record.partition) == (HITS, None)
    assert decode(record.value) == one


def test_hits_of_a_group_have_one_key_and_other_groups_another() -> None:
    of = correlation()
    first, second, other = hit_records([hit(of, 1), hit(of, 2), hit(of, 1, user="b")])

    assert first.key == second.key != other.key


def test_a_tick_goes_to_every_partition() -> None:
    tick = Tick(received_us={"events.log:0": 5}, offsets={"events.log:0": 3})

    records = list(tick_records([tick], 3))

    assert [record.partition for record in records] == [0, 1, 2]
    assert [decode(record.value or b"") for record in records] == [tick] * 3


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b'{"type": "hit"}'])
def test_what_is_neither_is_said_to_be_none(value: bytes) -> None:
    with pytest.raises(UndecodableRecord, match="neither a hit nor a tick"):
        decode(value)
