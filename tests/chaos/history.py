"""What producers and consumers of a run saw, as journals of one JSON line each.

Every record's value is a number that was never sent before. A journal belongs to one process and is
flushed line by line, so it survives whatever the run does to that process. Lines, by ``kind``:

- ``send``: ``value``, ``partition``, ``transaction`` (null outside one): the client gets it next;
- ``acknowledged``: ``value``, ``offset``: the client heard that it is kept;
- ``refused``: ``value``, ``reason``: the client gave up; it may be kept nevertheless;
- ``end``: ``transaction``, ``outcome`` (``committed``, ``aborted`` or ``unknown``);
- ``read``: ``partition``, ``offset``, ``value``: a consumer was given it (read_committed).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO


@dataclass(frozen=True, slots=True)
class Sent:
    """One record that a producer handed to its client.

    Attributes:
        producer: Whose; a producer's records of one partition are to be kept in this order.
        transaction: Which of the run's transactions it belongs to; None outside any.
    """

    producer: str
    partition: int
    value: int
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Read:
    """One record that a consumer was given."""

    partition: int
    offset: int
    value: int


@dataclass(slots=True)
class History:
    """A whole run.

    Attributes:
        sent: Every record, in order for each producer.
        acknowledged: Value to offset.
        transactions: How each transaction ended; those without an end are unknown.
        reads: What each consumer was given while faults happened, in its order.
        final: Everything that a read_committed consumer finds after all has healed.
    """

    sent: list[Sent] = field(default_factory=list)
    acknowledged: dict[int, int] = field(default_factory=dict)
    transactions: dict[str, str] = field(default_factory=dict)
    reads: dict[str, list[Read]] = field(default_factory=dict)
    final: list[Read] = field(default_factory=list)


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


def read_history(
    producers: Iterable[Path], consumers: Iterable[Path], final: Path | None = None
) -> History:
    """One history from all journals; a torn last line is left out."""
    history = History()
    for path in producers:
        for line in _lines(path):
            _take(history, path.stem, line)
    for path in consumers:
        history.reads[path.stem] = [_read(line) for line in _lines(path)]
    if final is not None:
        history.final = [_read(line) for line in _lines(final)]
    return history


def _take(history: History, producer: str, line: Mapping[str, object]) -> None:
    match line:
        case {"kind": "send", "value": int(value), "partition": int(partition)}:
            name = line["transaction"]
            transaction = None if name is None else str(name)
            history.sent.append(Sent(producer, partition, value, transaction))
        case {"kind": "acknowledged", "value": int(value), "offset": int(offset)}:
            history.acknowledged[value] = offset
        case {"kind": "end", "transaction": str(transaction), "outcome": str(outcome)}:
            history.transactions[transaction] = outcome
        case {"kind": "refused"}:
            pass
        case _:
            raise ValueError(f"no journal line: {line}")


def _read(line: dict[str, int]) -> Read:
    return Read(line["partition"], line["offset"], line["value"])


def _lines(path: Path) -> Iterator[dict[str, int]]:
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
