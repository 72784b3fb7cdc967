import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sinks.intent import TRUST_MS, Intent, deduplication_token, read_intent


@given(
    first=st.integers(0, 2**62),
    length=st.integers(1, 10**6),
    begun_ms=st.integers(0, 2**43),
    data=st.data(),
)
def test_what_was_committed_is_read_back(
    first: int, length: int, begun_ms: int, data: st.DataObject
) -> None:
    records = data.draw(st.integers(1, length))
    intent = Intent(first=first, last=first + length - 1, records=records, begun_ms=begun_ms)

    assert read_intent(intent.metadata(), offset=first) == intent


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "somebody else's",
        "2 5-9 records=5 begun=1",
        "1 5-9 records=5 begun=1 more",
        "1 9-5 records=5 begun=1",
        "1 5-9 records=6 begun=1",
        "1 5-9 records=5 begun=-1",
        "1 5-99999999999999999999 records=5 begun=1",
        "1 6-9 records=4 begun=1",
    ],
)
def test_anything_else_is_no_intent(metadata: str) -> None:
    assert read_intent(metadata, offset=5) is None


@given(st.text())
def test_no_text_makes_it_fail(metadata: str) -> None:
    read_intent(metadata, offset=0)


@pytest.mark.parametrize(
    ("age_ms", "trusted"), [(0, True), (TRUST_MS - 1, True), (TRUST_MS, False), (-1, False)]
)
def test_a_token_is_believed_for_a_minute(age_ms: int, trusted: bool) -> None:
    intent = Intent(first=0, last=0, records=1, begun_ms=1_000_000)

    assert intent.is_trusted(1_000_000 + age_ms) is trusted


def test_offsets_that_begin_anew_get_another_token() -> None:
    old = deduplication_token("events.log", 0, 0, 9, made_ms=1)
    new = deduplication_token("events.log", 0, 0, 9, made_ms=2)

    assert old == "events.log:0:0-9@1"
    assert old != new
