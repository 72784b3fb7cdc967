"""Leader epochs: where in a partition's log each leader began, so that copies never diverge.

Every batch carries the epoch of the leader that wrote it, and epochs only grow along a log. So two
copies agree up to the smaller of the ends of their last common epoch, and that is where a follower
cuts its log when it meets a new leader (KIP-101, KIP-279). It never cuts by high watermark, of
which it may know too little.

Pure but for :func:`restore` and :func:`write`. Format: FORMAT.md, "Leader epochs".
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from broker_core.log.checkpoint import replace_file
from broker_core.log.file_layout import FORMAT_VERSION, LEADER_EPOCHS
from broker_core.log.partition_log import PartitionLog
from broker_core.log.segment import walk

UNKNOWN_EPOCH = -1
UNKNOWN_OFFSET = -1


class EpochStart(NamedTuple):
    """A leader epoch and the offset of the first record written in it."""

    epoch: int
    start_offset: int


class EpochEnd(NamedTuple):
    """The largest epoch up to the one asked for, and the offset after its last record.

    Both are -1 if the one asked for is later than every known one.
    """

    epoch: int
    end_offset: int


class LeaderEpochs:
    """The leader epochs of one copy of a partition, both numbers growing.

    >>> epochs = LeaderEpochs([(1, 0), (4, 20)])
    >>> [tuple(epochs.end_of(epoch, log_end=30)) for epoch in (0, 1, 3, 4, 5)]
    [(0, 0), (1, 20), (1, 20), (4, 30), (-1, -1)]
    """

    def __init__(self, starts: Iterable[tuple[int, int]] = ()) -> None:
        self._starts = [EpochStart(*start) for start in starts]

    @property
    def starts(self) -> Sequence[EpochStart]:
        """Every epoch with records here, oldest first."""
        return tuple(self._starts)

    @property
    def latest(self) -> int:
        """The largest epoch; -1 if there is none."""
        return self._starts[-1].epoch if self._starts else UNKNOWN_EPOCH

    def assign(self, epoch: int, start_offset: int) -> bool:
        """Take note of the epoch of what is written at an offset; return whether it is new.

        What contradicts it (a larger epoch, or a later start) is forgotten: it was cut.
        """
        if epoch == self.latest and self._starts[-1].start_offset <= start_offset:
            return False
        while self._starts and (
            self._starts[-1].epoch >= epoch or self._starts[-1].start_offset >= start_offset
        ):
            self._starts.pop()
        self._starts.append(EpochStart(epoch, start_offset))
        return True

    def at(self, offset: int) -> int:
        """Return the epoch of the record at ``offset``; -1 if it is before every known epoch."""
        number = bisect_right(self._starts, offset, key=lambda start: start.start_offset)
        return self._starts[number - 1].epoch if number else UNKNOWN_EPOCH

    def end_of(self, epoch: int, *, log_end: int) -> EpochEnd:
        """Return where an epoch ends, or the largest one before it (OffsetForLeaderEpoch).

        Args:
            log_end: Where the log ends, and so its latest epoch.
        """
        if epoch == UNKNOWN_EPOCH or epoch > self.latest:
            return EpochEnd(UNKNOWN_EPOCH, UNKNOWN_OFFSET)
        if epoch == self.latest:
            return EpochEnd(epoch, log_end)
        later = bisect_right(self._starts, epoch, key=lambda start: start.epoch)
        earlier = self._starts[later - 1].epoch if later else epoch
        return EpochEnd(earlier, self._starts[later].start_offset)

    def diverges(self, epoch: int, end_offset: int, *, log_end: int) -> EpochEnd | None:
        """Judge, as the leader, the copy of a follower that ends at ``end_offset``.

        Args:
            epoch: Of the follower's last record; -1 if it has none.
            log_end: Where the leader's log ends.

        Returns:
            What the follower cuts its log by; None if its copy is a prefix of this one.
        """
        if epoch == UNKNOWN_EPOCH:
            return None
        mine = self.end_of(epoch, log_end=log_end)
        return None if mine.epoch == epoch and mine.end_offset >= end_offset else mine

    def cut(self, leader: EpochEnd, *, log_end: int) -> int:
        """Return where this copy, of a follower, is to end (KIP-279).

        What is left may diverge still, in an earlier epoch: the next fetch tells.

        Args:
            leader: The leader's word, from :meth:`diverges`.
            log_end: Where this copy ends.
        """
        mine = self.end_of(leader.epoch, log_end=log_end)
        if mine.epoch == leader.epoch:
            return min(mine.end_offset, leader.end_offset, log_end)
        if mine.epoch == UNKNOWN_EPOCH:
            return min(leader.end_offset, log_end)
        return min(mine.end_offset, log_end)

    def truncate_to(self, end_offset: int) -> None:
        """Forget what began at or after the offset where the log ends now."""
        while self._starts and self._starts[-1].start_offset >= end_offset:
            self._starts.pop()

    def truncate_before(self, start_offset: int) -> None:
        """Forget what ended before the offset where the log starts now."""
        kept = bisect_right(self._starts, start_offset, key=lambda start: start.start_offset)
        if kept > 1:
            del self._starts[: kept - 1]
        if kept and self._starts[0].start_offset < start_offset:
            self._starts[0] = EpochStart(self._starts[0].epoch, start_offset)


def restore(log: PartitionLog) -> LeaderEpochs:
    """Return the epochs of a log: from its file, and from its batches where that knows too little.

    Blocks on the disk.
    """
    epochs = LeaderEpochs(_read(log.directory))
    epochs.truncate_to(log.end_offset + 1)
    known_until = epochs.starts[-1].start_offset if epochs.starts else log.log_start_offset
    if _last_epoch(log) > epochs.latest:
        for segment in log.segments:
            if segment.next_offset > known_until:
                for _, header in walk(segment.descriptor(), 0, segment.size):
                    if header.base_offset >= known_until:
                        epochs.assign(header.leader_epoch, header.base_offset)
    return epochs


def write(directory: Path, epochs: Sequence[EpochStart]) -> None:
    """Replace the file of a partition's epochs; blocks.

    Raises:
        OSError: The old content still stands; nothing is lost but time at the next start.
    """
    content = {"format_version": FORMAT_VERSION, "epochs": [list(start) for start in epochs]}
    replace_file(directory / LEADER_EPOCHS, json.dumps(content).encode() + b"\n")


def _read(directory: Path) -> list[tuple[int, int]]:
    """Return what the file says; nothing if there is none, or it cannot be read."""
    try:
        content = json.loads((directory / LEADER_EPOCHS).read_bytes())
        return [(int(epoch), int(start)) for epoch, start in content["epochs"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def _last_epoch(log: PartitionLog) -> int:
    """The epoch of the last batch; -1 if there is none."""
    for segment in reversed(log.segments):
        last = UNKNOWN_EPOCH
        start = segment.indexes.offsets.last_position
        for _, header in walk(segment.descriptor(), start, segment.size):
            last = header.leader_epoch
        if last != UNKNOWN_EPOCH:
            return last
    return UNKNOWN_EPOCH
