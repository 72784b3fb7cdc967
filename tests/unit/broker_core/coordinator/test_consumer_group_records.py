"""Consumer groups as records; the bytes were made by Apache Kafka 4.3.1's own classes."""

import pytest

from broker_core.coordinator.consumer_group import ConsumerGroup
from broker_core.coordinator.consumer_group_parts import Part, Slot
from broker_core.coordinator.consumer_group_records import (
    SlotKey,
    decode_key,
    encode_key,
    encode_value,
    restored,
)
from broker_core.coordinator.consumer_member import ConsumerMember, MemberState
from broker_core.coordinator.topic_partitions import TopicPartition
from broker_core.coordinator.topic_pattern import TopicPattern
from broker_core.errors import CorruptMessage

ONE = bytes(7) + b"\x01" + bytes(7) + b"\x02"
TWO = bytes(7) + b"\x03" + bytes(7) + b"\x04"
MEMBER = ConsumerMember(
    member_id="m",
    instance_id="i",
    client_id="c",
    client_host="h",
    rebalance_ms=300_000,
    topic_names=frozenset(("a", "b")),
    topic_regex="lo.*",
    assignor="range",
    epoch=6,
    previous_epoch=5,
    state=MemberState.UNREVOKED_PARTITIONS,
    assigned={TopicPartition(ONE, 0): 4, TopicPartition(ONE, 2): 6},
    pending_revocation={TopicPartition(TWO, 1): 3},
)
KAFKAS = {
    Slot(Part.GROUP): ("0003000167", "000000000007010008fffffffffffffffb"),
    Slot(Part.MEMBER, "m"): (
        "000500016700016d",
        "0000026900026302680302610262056c6f2e2a000493e00672616e676500",
    ),
    Slot(Part.TARGET_EPOCH): ("0006000167", "00000000000600"),
    Slot(Part.TARGET, "m"): (
        "000700016700016d",
        "00000300000000000000010000000000000002030000000000000002000000000000000003"
        "000000000000000402000000010000",
    ),
    Slot(Part.CURRENT, "m"): (
        "000800016700016d",
        "0000000000060000000502020000000000000001000000000000000203000000000000000201000903"
        "000000040000000602000000000000000300000000000000040200000001010005020000000300",
    ),
    Slot(Part.PATTERN, "lo.*"): (
        "001000016700046c6f2e2a",
        "000003056c6f6773056c6f74730000000000000000000000000000000000",
    ),
}
VALUES = {slot: bytes.fromhex(value) for slot, (_, value) in KAFKAS.items()}


def fresh() -> ConsumerGroup:
    return ConsumerGroup("g", session_ms=100, max_members=5)


def the_group() -> ConsumerGroup:
    group = fresh()
    group.epoch, group.assignment_epoch, group.topics_hash = 7, 6, -5
    group.restore(MEMBER)
    group.targets["m"] = {
        TopicPartition(ONE, 0), TopicPartition(ONE, 2), TopicPartition(TWO, 1)
    }  # fmt: skip
    group.patterns["lo.*"] = TopicPattern("lo.*", frozenset(("logs", "lots")))
    return group


@pytest.mark.parametrize("slot", KAFKAS, ids=lambda slot: slot.part.name)
def test_keys_and_values_are_kafkas_bytes(slot: Slot) -> None:
    key, value = KAFKAS[slot]

    assert encode_key(SlotKey("g", slot)).hex() == key
    assert decode_key(bytes.fromhex(key)) == SlotKey("g", slot)
    found = encode_value(the_group(), slot)
    assert found is not None
    assert found.hex() == value


def test_what_is_gone_has_no_value() -> None:
    gone = [Slot(part, "n") for part in (Part.MEMBER, Part.TARGET, Part.CURRENT, Part.PATTERN)]

    assert [encode_value(the_group(), slot) for slot in gone] == [None] * 4


def test_a_group_is_made_anew_from_its_records() -> None:
    group, wanted = restored(fresh(), VALUES), the_group()

    assert group.members == wanted.members
    assert group.targets == wanted.targets
    assert (group.epoch, group.assignment_epoch, group.topics_hash) == (7, 6, -5)
    assert group.patterns["lo.*"].topics == {"logs", "lots"}
    assert group.take_changes() == []


def test_a_member_whose_first_assignment_was_cut_off_begins_from_nothing() -> None:
    group = restored(fresh(), {Slot(Part.MEMBER, "m"): VALUES[Slot(Part.MEMBER, "m")]})

    assert (group.members["m"].epoch, group.members["m"].assigned) == (0, {})


def test_what_refers_to_an_unknown_member_is_left_out() -> None:
    cut = {slot: value for slot, value in VALUES.items() if slot.part is not Part.MEMBER}

    group = restored(fresh(), cut)

    assert (group.members, group.targets) == ({}, {})


def test_partitions_without_epochs_were_given_in_the_members() -> None:
    """As Kafka wrote them before 4.3."""
    value = bytes.fromhex(
        "0000000000060000000501020000000000000001000000000000000202000000000001 00"
    )
    values = {
        Slot(Part.MEMBER, "m"): VALUES[Slot(Part.MEMBER, "m")],
        Slot(Part.CURRENT, "m"): value,
    }

    assert restored(fresh(), values).members["m"].assigned == {TopicPartition(ONE, 0): 6}


@pytest.mark.parametrize(
    ("slot", "value"),
    [
        (Slot(Part.GROUP), "000100000007"),
        (Slot(Part.GROUP), "0000"),
        (Slot(Part.CURRENT, "m"), "0000000000060000000509010100"),
    ],
)
def test_values_of_others_are_refused(slot: Slot, value: str) -> None:
    values = {**VALUES, slot: bytes.fromhex(value)}

    with pytest.raises(CorruptMessage):
        restored(fresh(), values)


def test_other_keys_are_none_of_a_consumer_group() -> None:
    assert decode_key(b"\x00\x01\x00\x01g") is None
    with pytest.raises(CorruptMessage):
        decode_key(b"\x00\x05\x00\x01g\x00\x05m")
