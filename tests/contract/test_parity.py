"""Stream and store hold a rule against the same offsets; a fault in one of them is shown."""

from collections.abc import Callable, Sequence

import pytest

from detections.compiler import Rule
from detections.documents import compile_text
from detections.history import History
from detections.parity import Parity, check_parity
from detections.signature import TestIndex
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.codec import encode_event
from pipeline.schema.event import Value
from pipeline.settings import BusSettings
from pipeline.store import rows
from pipeline.store.client import StoreClient
from tests.support.broker import fresh_topic
from tests.support.store import At
from tests.support.stored_values import id_of, log_event
from web.hunting import ids_in_range

FIELDS: Sequence[dict[str, Value]] = (
    {"Image": r"C:\Windows\System32\cmd.exe"},
    {"Image": r"C:\Windows\System32\notepad.exe"},
    {"Image": [r"C:\a.exe", r"C:\CMD.EXE"]},
    {"CommandLine": "cmd.exe"},
    {"Image": "cmd.exe", "user.name": "root"},
)
MATCHING = {0, 2}


@pytest.fixture
def rule() -> Rule:
    (found,) = compile_text(
        r"""title: Shell
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
logsource: {product: windows}
detection:
  s: {Image|endswith: '\cmd.exe'}
  known: {user.name: root}
  condition: s and not known
"""
    )
    assert isinstance(found, Rule)
    return found


async def checked(bus: BusSettings, store: StoreClient, rule: Rule, *, stored: int) -> Parity:
    """The verdict over all events, of which the store has the first ones."""
    topic = await fresh_topic(bus, partitions=1)
    events = [
        log_event(number, {"logsource.product": "windows", **fields})[0]
        for number, fields in enumerate(FIELDS)
    ]
    async with Producer(bus, client_id="test") as producer:
        await producer.publish(
            [OutgoingRecord(topic=topic, value=encode_event(event)) for event in events]
        )
    placed = [(event, At(topic, 0, at)) for at, event in enumerate(events[:stored])]
    await store.insert("events", rows.events_rows(placed), token=topic)
    history = History(bus, {TopicPartition(topic, 0): OffsetRange(0, len(events))})
    return await check_parity(rule, history, lambda *asked: ids_in_range(store, *asked))


async def test_both_say_the_same(bus: BusSettings, store: StoreClient, rule: Rule) -> None:
    found = await checked(bus, store, rule, stored=len(FIELDS))

    assert found.holds
    assert (found.events, found.matches) == (len(FIELDS), len(MATCHING))
    assert list(found.covered.values()) == [(0, len(FIELDS))]


async def test_an_event_that_the_store_lost_is_named(
    bus: BusSettings, store: StoreClient, rule: Rule
) -> None:
    found = await checked(bus, store, rule, stored=2)

    assert not found.holds
    assert found.only_engine == (id_of(2),)
    assert found.unexplained == ()


async def test_a_broken_matcher_is_noticed_by_store_and_by_explain(
    bus: BusSettings, store: StoreClient, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    satisfied: Callable[[TestIndex, str], list[int]] = TestIndex.satisfied
    monkeypatch.setattr(TestIndex, "satisfied", lambda index, text: satisfied(index, text[:-4]))

    found = await checked(bus, store, rule, stored=len(FIELDS))

    missed = tuple(id_of(number) for number in sorted(MATCHING))
    assert found.only_store == found.unexplained == missed
    assert found.differences == 4
