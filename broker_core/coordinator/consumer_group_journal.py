"""What is written of consumer groups (KIP-848): their records as they are in the log by now. Pure.

A group in memory can be made anew from it at any time: after a start, when its partition of
``__consumer_offsets`` has another leader, and when the log refused what a change was to write.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from broker_core.coordinator.consumer_group import ConsumerGroup
from broker_core.coordinator.consumer_group_parts import Slot
from broker_core.coordinator.consumer_group_records import (
    SlotKey,
    decode_key,
    encode_key,
    encode_value,
)

Records = Sequence[tuple[bytes, bytes | None]]


class ConsumerGroupJournal:
    """The newest value of every part of every group."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[Slot, bytes]] = {}

    @property
    def groups(self) -> Sequence[str]:
        """Every group of which something is written."""
        return tuple(self._groups)

    def of(self, group_id: str) -> Mapping[Slot, bytes]:
        """What is written of a group."""
        return self._groups.get(group_id, {})

    def changes(self, group: ConsumerGroup, slots: Iterable[Slot]) -> Records:
        """The records that bring what is written up to date with those parts of a group."""
        written = self.of(group.group_id)
        records: list[tuple[bytes, bytes | None]] = []
        for slot in slots:
            value = encode_value(group, slot)
            if value != written.get(slot):
                records.append((encode_key(SlotKey(group.group_id, slot)), value))
        return records

    def tombstones(self, group_id: str) -> Records:
        """The records that make a group be gone."""
        slots = sorted(self.of(group_id), reverse=True)
        return [(encode_key(SlotKey(group_id, slot)), None) for slot in slots]

    def note(self, records: Records) -> None:
        """Take note of records that were written."""
        for key, value in records:
            self.restore(key, value)

    def restore(self, key: bytes, value: bytes | None) -> bool:
        """Take note of a record of the topic; whether it is one of a consumer group.

        Raises:
            CorruptMessage: It was meant to be.
        """
        found = decode_key(key)
        if found is None:
            return False
        if value is not None:
            self._groups.setdefault(found.group_id, {})[found.slot] = value
            return True
        slots = self._groups.get(found.group_id, {})
        slots.pop(found.slot, None)
        if not slots:
            self._groups.pop(found.group_id, None)
        return True

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Forget the groups of a partition that another node leads now."""
        self._groups = {key: found for key, found in self._groups.items() if not is_gone(key)}
