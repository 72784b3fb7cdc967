"""What is written of consumer groups: differences only, and all of it to make a group anew."""

from broker_core.coordinator.consumer_group import ConsumerGroup
from broker_core.coordinator.consumer_group_journal import ConsumerGroupJournal
from broker_core.coordinator.consumer_group_parts import Part, Slot
from broker_core.coordinator.consumer_group_records import SlotKey, encode_key
from broker_core.coordinator.consumer_member import ConsumerMember


def group(epoch: int) -> ConsumerGroup:
    made = ConsumerGroup("g", session_ms=100, max_members=5)
    made.epoch = epoch
    made.restore(ConsumerMember(member_id="m"))
    return made


SLOTS = [Slot(Part.GROUP), Slot(Part.MEMBER, "m")]


def test_only_what_differs_is_written() -> None:
    journal = ConsumerGroupJournal()
    first = journal.changes(group(1), SLOTS)
    journal.note(first)

    assert [key for key, _ in first] == [encode_key(SlotKey("g", slot)) for slot in SLOTS]
    assert journal.changes(group(1), SLOTS) == []
    assert [key for key, _ in journal.changes(group(2), SLOTS)] == [first[0][0]]


def test_a_group_is_gone_once_everything_of_it_is() -> None:
    journal = ConsumerGroupJournal()
    journal.note(journal.changes(group(1), SLOTS))
    tombstones = journal.tombstones("g")

    assert {key for key, _ in tombstones} == {encode_key(SlotKey("g", slot)) for slot in SLOTS}
    assert all(value is None for _, value in tombstones)
    journal.note(tombstones)
    assert journal.groups == ()
    journal.note(tombstones)


def test_what_another_node_leads_is_forgotten() -> None:
    journal = ConsumerGroupJournal()
    journal.note(journal.changes(group(1), SLOTS))

    journal.forget(lambda group_id: group_id == "g")

    assert journal.of("g") == {}
    assert not journal.restore(b"\x00\x01\x00\x01g", b"an offset")
