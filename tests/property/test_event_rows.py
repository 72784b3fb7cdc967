"""Events survive the way through a Native block, grouped or one by one."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.schema.event import Event, Kind, Value
from pipeline.schema.fields import LOGSOURCE_SERVICE
from pipeline.store.event_columns import EventColumns
from pipeline.store.event_rows import TEXT_FIELDS
from pipeline.store.rows import events_rows
from tests.support.native_block import read_events
from tests.support.store import At

texts = st.text(max_size=20)
scalars = st.one_of(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
names = st.one_of(
    st.sampled_from([name for name, _ in TEXT_FIELDS]), st.just(LOGSOURCE_SERVICE), texts
)
times = st.datetimes(datetime(1900, 1, 1), datetime(2261, 1, 1)).map(
    lambda time: time.replace(tzinfo=UTC)
)


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[Event, At]]:
    """Batches with many events of few kinds, and some of none."""
    shapes = draw(st.lists(st.lists(names, unique=True, max_size=6), min_size=1, max_size=3))
    events = []
    for number in range(draw(st.integers(1, 30))):
        shape = draw(st.sampled_from(shapes))
        plain = draw(st.booleans())
        fields: dict[str, Value] = {name: draw(texts if plain else values) for name in shape}
        event = Event(
            id=str(UUID(int=number)),
            kind=Kind.LOG,
            time=draw(times),
            observed_time=draw(times),
            source=draw(texts),
            fields=fields,
            raw=draw(st.binary(max_size=300)),
        )
        events.append((event, At("events.log", 3, number)))
    return events


@settings(max_examples=150)
@given(batch=batches())
def test_what_goes_into_a_block_comes_out_of_it(batch: list[tuple[Event, At]]) -> None:
    rows = events_rows(batch)

    found = read_events(rows.body)

    assert rows.count == len(batch)
    assert {offset: event for event, offset in found} == {at.offset: event for event, at in batch}


@settings(max_examples=50)
@given(batch=batches())
def test_the_same_batch_gives_the_same_bytes(batch: list[tuple[Event, At]]) -> None:
    assert events_rows(batch) == events_rows(list(batch))


@settings(max_examples=100)
@given(batch=batches(), size=st.integers(1, 12))
def test_chunks_make_one_block_of_the_same_events(batch: list[tuple[Event, At]], size: int) -> None:
    columns = EventColumns()

    for begin in range(0, len(batch), size):
        columns.add(batch[begin : begin + size])

    found = read_events(columns.rows().body)
    assert {offset: event for event, offset in found} == {at.offset: event for event, at in batch}
