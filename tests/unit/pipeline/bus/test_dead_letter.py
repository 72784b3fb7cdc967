import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import MAX_VALUE_BYTES, dead_letter, read_dead_letter
from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord

POSITIONS = st.builds(Position, st.text("abc.", min_size=1), st.integers(0, 99), st.integers(0))


def as_read(outgoing: OutgoingRecord) -> Record:
    return Record(outgoing.topic, 0, 0, 0, outgoing.key, outgoing.value, outgoing.headers)


@given(value=st.binary(max_size=99), source=st.text(max_size=99), origin=st.none() | POSITIONS)
def test_what_was_parked_is_read_back(value: bytes, source: str, origin: Position | None) -> None:
    parked = dead_letter(value=value, source=source, reason="why", detail="what", origin=origin)

    letter = read_dead_letter(as_read(parked))

    assert (letter.value, letter.reason, letter.detail) == (value, "why", "what")
    assert letter.origin == origin
    assert letter.source == source.encode(errors="replace").decode()


def test_a_huge_value_keeps_its_head() -> None:
    parked = dead_letter(
        value=b"x" * (MAX_VALUE_BYTES + 1), source="s", reason="r", detail="d" * 9999, origin=None
    )

    assert len(parked.value or b"") == MAX_VALUE_BYTES
    assert sum(len(value) for _, value in parked.headers) < 2_000


@pytest.mark.parametrize("offset", [b"", b"-1", b"\xff", "²".encode(), b"x"])
def test_headers_of_somebody_else_do_no_harm(offset: bytes) -> None:
    headers = (("origin_topic", b"t"), ("origin_partition", b"0"), ("origin_offset", offset))

    letter = read_dead_letter(Record("dead-letter", 0, 0, 0, None, None, headers))

    assert letter.origin is None
    assert letter.reason == "unknown"
