"""What happened to groups as records of a compacted topic, and groups from such records. Pure.

A hit is written once, with the others of its group and transaction (a part), and never again; what
is left of a group is told by its head: which turn was last taken, which hit is the oldest still in
the window. A part goes, by a tombstone, when the last of its hits is of no more use. So a busy
group costs one write per hit, not one of its whole window per transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from detections.correlation.hit import GroupKey, Hit
from detections.correlation.window import Turn, Window, WindowState

_HEAD = -1


class Change(NamedTuple):
    """What became of a group since the last transaction.

    Attributes:
        key: Which group.
        window: The group; None if it is gone.
        is_anew: Whether it was gone meanwhile, so that nothing of before is left.
        hits: What it has accepted, since then.
    """

    key: GroupKey
    window: Window | None
    is_anew: bool = False
    hits: Sequence[tuple[Turn, Hit]] = ()


class StateRecord(NamedTuple):
    """A record of the changelog; None as value is a tombstone."""

    key: bytes
    value: bytes | None


class _Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """A group without its hits: its state, and the turn of the oldest hit in its window."""

    state: WindowState
    oldest: Turn | None = None


_encode = msgspec.json.encode
_keys = msgspec.json.Decoder(tuple[int, GroupKey])
_heads = msgspec.json.Decoder(_Head)
_parts = msgspec.json.Decoder(tuple[tuple[Turn, Hit], ...])


class Changelog:
    """The parts that are in the changelog of one partition.

    Attributes:
        unreadable: How many records ``restore`` could not read, and left out.
    """

    def __init__(self) -> None:
        self.unreadable = 0
        # By group: number of each part and the last turn in it.
        self._parts: dict[GroupKey, dict[int, Turn]] = {}

    @property
    def groups(self) -> Iterable[GroupKey]:
        """The groups of which something is in the changelog."""
        return self._parts.keys()

    def records(self, changes: Iterable[Change]) -> Iterator[StateRecord]:
        """What is to be written so that groups can be read back as they are now."""
        for change in changes:
            if change.window is None or change.is_anew:
                yield from self._gone(change.key)
            if change.window is not None:
                yield from self._changed(change.key, change.window, change.hits)

    def restore(self, records: Iterable[StateRecord]) -> list[WindowState]:
        """The groups that the newest records of every key tell of."""
        newest = {record.key: record.value for record in records}
        heads: dict[GroupKey, _Head] = {}
        hits: dict[GroupKey, list[tuple[Turn, Hit]]] = {}
        self._parts.clear()
        for written, value in newest.items():
            if value is None:
                continue
            try:
                number, key = _keys.decode(written)
                if number == _HEAD:
                    heads[key] = _heads.decode(value)
                    self._parts.setdefault(key, {})
                else:
                    part = _parts.decode(value)
                    hits.setdefault(key, []).extend(part)
                    self._parts.setdefault(key, {})[number] = part[-1][0]
            except msgspec.MsgspecError:  # of another version
                self.unreadable += 1
        whole = [_window(head, sorted(hits.get(key, ()), key=_turn)) for key, head in heads.items()]
        return sorted(whole, key=lambda state: state.received_us)

    def _changed(
        self, key: GroupKey, window: Window, hits: Sequence[tuple[Turn, Hit]]
    ) -> Iterator[StateRecord]:
        parts = self._parts.setdefault(key, {})
        if hits:
            number = max(parts, default=_HEAD) + 1
            ordered = sorted(hits, key=_turn)
            parts[number] = ordered[-1][0]
            yield StateRecord(_encode((number, key)), _encode(ordered))
        state, oldest = window.head()
        for number in [at for at, last in parts.items() if _is_useless(last, state, oldest)]:
            del parts[number]
            yield StateRecord(_encode((number, key)), None)
        yield StateRecord(_encode((_HEAD, key)), _encode(_Head(state, oldest)))

    def _gone(self, key: GroupKey) -> Iterator[StateRecord]:
        for number in (*self._parts.pop(key, ()), _HEAD):
            yield StateRecord(_encode((number, key)), None)


def _is_useless(turn: Turn, state: WindowState, oldest: Turn | None) -> bool:
    """Whether a hit of that turn neither waits nor is in the window."""
    return state.last is not None and turn <= state.last and (oldest is None or turn < oldest)


def _window(head: _Head, hits: Sequence[tuple[Turn, Hit]]) -> WindowState:
    last = head.state.last
    return msgspec.structs.replace(
        head.state,
        waiting=tuple(hit for turn, hit in hits if last is None or turn > last),
        hits=tuple(
            hit
            for turn, hit in hits
            if last is not None and turn <= last and not _is_useless(turn, head.state, head.oldest)
        ),
    )


def _turn(held: tuple[Turn, Hit]) -> Turn:
    return held[0]
