"""What producers and consumers of a run saw, as journals of one JSON line each.

Every record's value is a number that was never sent before. A journal belongs to one process and is
flushed line by line, so it survives whatever the run does to that process. Lines, by ``kind``:

- ``send``: ``value``, ``partition``, ``producer``, ``transaction`` (null outside one): the client
  gets it next;
- ``acknowledged``: ``value``, ``offset``: the client heard that it is kept;
- ``refused``: ``value``, ``reason``: the client gave up; it may be kept nevertheless;
- ``end``: ``transaction``, ``outcome`` (``committed``, ``aborted`` or ``unknown``);
- ``read``: ``partition``, ``offset``, ``value``: a consumer was given it (read_committed);
- ``died``: ``how``: the process came to an end by its client library's fault, and another goes on;
- ``trouble``: ``partition``, ``reason``: a consumer was refused what it must be given;
- ``commit``, then perhaps ``committed`` or (its transaction was aborted) ``dropped``: ``group``,
  ``partition``, ``offset``: how far a group has read, and that it is kept; no offset twice;
- ``stable``: ``partition``, ``offset``, ``high_watermark``: where committed records end in the end;
- ``offset``: ``group``, ``partition``, ``offset``: what a group finds in the end.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from confluent_kafka import KafkaError, Message

NOTHING_COMMITTED = -1
COPIER = "copier"  # the group of the one that copies everything exactly once


class Sent(NamedTuple):
    """One record that a producer handed to its client.

    Attributes:
        producer: Which client; what one client sends to a partition is to be kept in this order.
        transaction: Which of the run's transactions it belongs to; None outside any.
    """

    producer: str
    partition: int
    value: int
    transaction: str | None


class Read(NamedTuple):
    """One record that a consumer was given."""

    partition: int
    offset: int
    value: int


@dataclass(slots=True)
class Committed:
    """What one group has committed for one partition.

    Attributes:
        attempted: Every offset that it asked to be kept, but for those of aborted transactions.
        acknowledged: Those that are, in order.
    """

    attempted: set[int] = field(default_factory=set)
    acknowledged: list[int] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """A whole run.

    Attributes:
        sent: Every record, in order for each producer.
        acknowledged: Value to offset.
        transactions: How each transaction ended; those without an end are unknown.
        reads: What each consumer was given while faults happened, in its order.
        deaths: Which process died of its client library, and how.
        troubles: What consumers were refused that they must be given.
        commits: By group and partition.
        final: Everything that a read_committed consumer finds after all has healed.
        copied: What it finds then in the topic that the copier writes to.
        unstable: Partition to (last stable offset, high watermark) where they differ then.
        offsets: What each group finds then, by group and partition.
    """

    sent: list[Sent] = field(default_factory=list)
    acknowledged: dict[int, int] = field(default_factory=dict)
    transactions: dict[str, str] = field(default_factory=dict)
    reads: dict[str, list[Read]] = field(default_factory=dict)
    deaths: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    commits: dict[tuple[str, int], Committed] = field(default_factory=dict)
    final: list[Read] = field(default_factory=list)
    copied: list[Read] = field(default_factory=list)
    unstable: dict[int, tuple[int, int]] = field(default_factory=dict)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)


class Journal:
    """A process's notes: a context manager that appends to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> "Journal":
        """Open it."""
        self._file = self._path.open("a", buffering=1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()

    def note(self, kind: str, **what: object) -> None:
        """Add a line."""
        assert self._file is not None
        self._file.write(json.dumps({"kind": kind, **what}) + "\n")

    def note_delivery(self, error: KafkaError | None, message: Message) -> None:
        """Add what a producer was told of a record whose value is a number."""
        value = int(message.value() or b"-1")
        if error is None:
            self.note("acknowledged", value=value, offset=message.offset())
        else:
            self.note("refused", value=value, reason=error.name())


def read_history(
    clients: Iterable[Path], final: Path | None = None, copied: Path | None = None
) -> History:
    """One history from all journals; a torn last line is left out.

    Args:
        clients: Of those at work while faults happened.
        final: Of the consumer that looked after all had healed.
        copied: Of the one that looked what the copier had written.
    """
    history = History()
    for path in [*clients, *(path for path in (final, copied) if path is not None)]:
        for line in _lines(path):
            _take(history, path.stem, line)
    history.final = history.reads.pop(final.stem, []) if final is not None else []
    history.copied = history.reads.pop(copied.stem, []) if copied is not None else []
    return history


def _take(history: History, client: str, line: Mapping[str, Any]) -> None:
    match line:
        case {"kind": "send", "value": value, "partition": partition, "producer": producer}:
            history.sent.append(Sent(producer, partition, value, line["transaction"]))
        case {"kind": "acknowledged", "value": value, "offset": offset}:
            history.acknowledged[value] = offset
        case {"kind": "refused"}:
            pass
        case {"kind": "end", "transaction": transaction, "outcome": outcome}:
            history.transactions[transaction] = outcome
        case {"kind": "read", "partition": partition, "offset": offset, "value": value}:
            history.reads.setdefault(client, []).append(Read(partition, offset, value))
        case {"kind": "died", "how": how}:
            history.deaths.append((client, how))
        case {"kind": "trouble", "partition": partition, "reason": reason}:
            history.troubles.append(f"{client}, partition {partition}: {reason}")
        case {"kind": "stable", "partition": partition, "offset": offset, "high_watermark": end}:
            if offset != end:
                history.unstable[partition] = offset, end
        case {"kind": kind, "group": group, "partition": partition, "offset": offset}:
            _take_offset(history, kind, (group, partition), offset)
        case _:
            raise ValueError(f"no journal line: {line}")


def _take_offset(history: History, kind: str, key: tuple[str, int], offset: int) -> None:
    if kind == "offset":
        history.offsets[key] = offset
        return
    committed = history.commits.setdefault(key, Committed())
    match kind:
        case "commit":
            committed.attempted.add(offset)
        case "dropped":
            committed.attempted.remove(offset)
        case "committed":
            committed.acknowledged.append(offset)
        case _:
            raise ValueError(f"no journal line: {kind}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
