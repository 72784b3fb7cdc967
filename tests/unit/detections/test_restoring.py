from datetime import UTC, datetime

import pytest

from detections.correlation.hit import Hit
from detections.restoring import decode_hit, encode_hit
from pipeline.errors import UndecodableRecord
from pipeline.schema.alert import EventPosition


def test_a_hit_comes_back_from_the_log_as_it_was() -> None:
    time = datetime(2026, 3, 1, 12, tzinfo=UTC)
    event = EventPosition(id="e", topic="events.log", partition=1, offset=2, time=time)
    hit = Hit(
        correlation="c", group={"user": "ä"}, value="22", time_us=1, received_us=2, event=event
    )

    assert decode_hit(encode_hit(hit)) == hit


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff"])
def test_what_is_no_hit_is_said_to_be_none(value: bytes) -> None:
    with pytest.raises(UndecodableRecord, match="not a hit"):
        decode_hit(value)
