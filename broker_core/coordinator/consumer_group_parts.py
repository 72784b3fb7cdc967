"""The parts of a consumer group (KIP-848) that are kept on disk, each by itself. Pure."""

from enum import IntEnum
from typing import NamedTuple


class Part(IntEnum):
    """A part of a group's state; the number of its record's key in Kafka.

    In this order they are written at once; if a crash cuts some off, the rest still makes a group.
    """

    GROUP = 3
    MEMBER = 5
    PATTERN = 16
    TARGET = 7
    TARGET_EPOCH = 6
    CURRENT = 8


PARTS_OF_MEMBER = (Part.MEMBER, Part.TARGET, Part.CURRENT)
_ORDER = {part: number for number, part in enumerate(Part)}


class Slot(NamedTuple):
    """One part: of the group, or of the member or regular expression of that name."""

    part: Part
    name: str = ""

    @property
    def order(self) -> tuple[int, str]:
        """Where it comes among what is written at once."""
        return _ORDER[self.part], self.name
