"""Consumer groups (KIP-848) as records: key and value bytes of ``__consumer_offsets``. Pure.

The bytes are Kafka's own, so that tools which read that topic understand ours. A key is an INT16
that tells what it is of (:class:`Part`), the group id, and for what there are several of the
member id or the regular expression; a value is an INT16 version, 0, and a message with compact
types::

    3   ConsumerGroupMetadata                 group epoch, fingerprint of the topics
    5   ConsumerGroupMemberMetadata           what a member says of itself
    6   ConsumerGroupTargetAssignmentMetadata assignment epoch
    7   ConsumerGroupTargetAssignmentMember   what a member shall have
    8   ConsumerGroupCurrentMemberAssignment  its epochs, state, and what it has
    16  ConsumerGroupRegularExpression        the topics that one matches

A null value (tombstone) says that it is gone.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from broker_core.coordinator.consumer_group import ConsumerGroup
from broker_core.coordinator.consumer_group_parts import Part, Slot
from broker_core.coordinator.consumer_member import ConsumerMember, MemberState
from broker_core.coordinator.record_strings import read_string, write_string
from broker_core.coordinator.topic_partitions import TopicPartition, by_topic
from broker_core.coordinator.topic_pattern import TopicPattern
from broker_core.errors import CorruptMessage
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int32, Int64, String, Uuid

_VALUE_VERSION = b"\x00\x00"
_NAMELESS = (Part.GROUP, Part.TARGET_EPOCH)

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValue:
    """``ConsumerGroupMetadataValue``."""

    epoch: Int32
    metadata_hash: Int64 = wire(0, tag=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberValue:
    """``ConsumerGroupMemberMetadataValue``, of members that use the new protocol."""

    instance_id: String | None
    rack_id: String | None
    client_id: String
    client_host: String
    subscribed_topic_names: tuple[String, ...]
    subscribed_topic_regex: String | None
    rebalance_timeout_ms: Int32
    server_assignor: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEpochValue:
    """``ConsumerGroupTargetAssignmentMetadataValue``."""

    assignment_epoch: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPartitions:
    """Partitions of one topic."""

    topic_id: Uuid
    partitions: tuple[Int32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetValue:
    """``ConsumerGroupTargetAssignmentMemberValue``."""

    topic_partitions: tuple[TargetPartitions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPartitions:
    """Partitions of one topic, and in which epoch each was given."""

    topic_id: Uuid
    partitions: tuple[Int32, ...]
    assignment_epochs: tuple[Int32, ...] | None = wire(None, tag=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentValue:
    """``ConsumerGroupCurrentMemberAssignmentValue``."""

    member_epoch: Int32
    previous_member_epoch: Int32
    state: Int8
    assigned_partitions: tuple[HeldPartitions, ...]
    partitions_pending_revocation: tuple[HeldPartitions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternValue:
    """``ConsumerGroupRegularExpressionValue``; version and timestamp are Kafka's own matter."""

    topics: tuple[String, ...]
    version: Int64
    timestamp: Int64


@dataclass(frozen=True, slots=True)
class SlotKey:
    """Which part of which group a record is."""

    group_id: str
    slot: Slot


def encode_key(key: SlotKey) -> bytes:
    """Return the key of the record."""
    data = struct.pack(">h", key.slot.part) + write_string(key.group_id)
    return data if key.slot.part in _NAMELESS else data + write_string(key.slot.name)


def decode_key(data: bytes) -> SlotKey | None:
    """Read the key of a record; None: it is no part of a consumer group.

    Raises:
        CorruptMessage: It is cut off.
    """
    number = int.from_bytes(data[:2], "big")
    if number not in {int(part) for part in Part}:
        return None
    part = Part(number)
    try:
        group_id, position = read_string(data, 2)
        name = "" if part in _NAMELESS else read_string(data, position)[0]
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("the key of a group's record is cut off") from error
    return SlotKey(group_id, Slot(part, name))


def encode_value(group: ConsumerGroup, slot: Slot) -> bytes | None:
    """Return the value of a part as it is now; None: it is gone."""
    message = _message(group, slot)
    if message is None:
        return None
    return _VALUE_VERSION + b"".join(encode(message, 0, flexible=True))


def restored(group: ConsumerGroup, values: Mapping[Slot, bytes]) -> ConsumerGroup:
    """Return a new group filled with what was written of it.

    What refers to a member that was not written was cut off by a crash, and is left out.

    Raises:
        CorruptMessage: A value is none of ours.
    """
    for slot, value in values.items():
        if slot.part is Part.GROUP:
            read = _read(GroupValue, value)
            group.epoch, group.topics_hash = read.epoch, read.metadata_hash
        elif slot.part is Part.TARGET_EPOCH:
            group.assignment_epoch = _read(TargetEpochValue, value).assignment_epoch
        elif slot.part is Part.PATTERN:
            topics = frozenset(_read(PatternValue, value).topics)
            group.patterns[slot.name] = TopicPattern(slot.name, topics)
        elif slot.part is Part.TARGET and Slot(Part.MEMBER, slot.name) in values:
            group.targets[slot.name] = {
                TopicPartition(of_topic.topic_id, number)
                for of_topic in _read(TargetValue, value).topic_partitions
                for number in of_topic.partitions
            }
        elif slot.part is Part.MEMBER:
            group.restore(_member(slot.name, value, values.get(Slot(Part.CURRENT, slot.name))))
    return group


def _message(group: ConsumerGroup, slot: Slot) -> object | None:
    member = group.members.get(slot.name)
    if slot.part is Part.GROUP:
        return GroupValue(epoch=group.epoch, metadata_hash=group.topics_hash)
    if slot.part is Part.TARGET_EPOCH:
        return TargetEpochValue(assignment_epoch=group.assignment_epoch)
    if slot.part is Part.PATTERN:
        pattern = group.patterns.get(slot.name)
        names = None if pattern is None else tuple(sorted(pattern.topics))
        return None if names is None else PatternValue(topics=names, version=0, timestamp=0)
    if slot.part is Part.TARGET:
        target = group.targets.get(slot.name)
        return None if target is None else _target_value(target)
    if member is None:
        return None
    return _member_value(member) if slot.part is Part.MEMBER else _current_value(member)


def _member_value(member: ConsumerMember) -> MemberValue:
    return MemberValue(
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=tuple(sorted(member.topic_names)),
        subscribed_topic_regex=member.topic_regex or None,
        rebalance_timeout_ms=member.rebalance_ms,
        server_assignor=member.assignor,
    )


def _target_value(target: Iterable[TopicPartition]) -> TargetValue:
    return TargetValue(
        topic_partitions=tuple(
            TargetPartitions(topic_id=topic_id, partitions=tuple(numbers))
            for topic_id, numbers in by_topic(target).items()
        )
    )


def _current_value(member: ConsumerMember) -> CurrentValue:
    return CurrentValue(
        member_epoch=member.epoch,
        previous_member_epoch=member.previous_epoch,
        state=member.state,
        assigned_partitions=_held(member.assigned),
        partitions_pending_revocation=_held(member.pending_revocation),
    )


def _held(partitions: Mapping[TopicPartition, int]) -> tuple[HeldPartitions, ...]:
    return tuple(
        HeldPartitions(
            topic_id=topic_id,
            partitions=tuple(numbers),
            assignment_epochs=tuple(partitions[TopicPartition(topic_id, each)] for each in numbers),
        )
        for topic_id, numbers in by_topic(partitions).items()
    )


def _member(member_id: str, value: bytes, current: bytes | None) -> ConsumerMember:
    told = _read(MemberValue, value)
    member = ConsumerMember(
        member_id=member_id,
        instance_id=told.instance_id,
        rack_id=told.rack_id,
        client_id=told.client_id,
        client_host=told.client_host,
        rebalance_ms=told.rebalance_timeout_ms,
        topic_names=frozenset(told.subscribed_topic_names),
        topic_regex=told.subscribed_topic_regex or "",
        assignor=told.server_assignor,
    )
    return member if current is None else _at(member, _read(CurrentValue, current))


def _at(member: ConsumerMember, current: CurrentValue) -> ConsumerMember:
    try:
        state = MemberState(current.state)
    except ValueError as error:
        raise CorruptMessage(f"a member in state {current.state}") from error
    return replace(
        member,
        epoch=current.member_epoch,
        previous_epoch=current.previous_member_epoch,
        state=state,
        assigned=_since(current.assigned_partitions, current.member_epoch),
        pending_revocation=_since(current.partitions_pending_revocation, current.member_epoch),
    )


def _since(held: Iterable[HeldPartitions], epoch: int) -> dict[TopicPartition, int]:
    return {
        TopicPartition(of_topic.topic_id, number): since
        for of_topic in held
        for number, since in zip(
            of_topic.partitions,
            of_topic.assignment_epochs or [epoch] * len(of_topic.partitions),
            strict=False,
        )
    }


def _read(message: type[M], value: bytes) -> M:
    if value[:2] != _VALUE_VERSION:
        raise CorruptMessage(f"a {message.__name__} of version {int.from_bytes(value[:2], 'big')}")
    return decode(message, 0, flexible=True, data=value, start=2)
