"""``tocsin topics`` and ``tocsin groups``: the log from a shell, through the Kafka protocol alone.

So they say the same of our broker and of any other cluster. Tables are for people and columns are
stable: name first, separated by spaces; records are JSON lines for programs.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

from pipeline.bus.admin import Admin, GroupDescription, TopicDescription
from pipeline.bus.consumer import Record
from pipeline.bus.position import Committed, OffsetRange, TopicPartition
from pipeline.bus.reader import Reader
from pipeline.settings import BusSettings

POLL_SECONDS = 0.5
POLL_RECORDS = 500
IDLE_STATES = ("EMPTY", "DEAD")


class LogShellError(Exception):
    """What was asked for cannot be done; the text says why and what would help."""


class ResetTo(StrEnum):
    """Where a group goes on reading."""

    EARLIEST = "earliest"
    LATEST = "latest"


Place = ResetTo | int | datetime


def place_named(text: str) -> ResetTo | int:
    """``earliest``, ``latest`` or an offset.

    Raises:
        ValueError: It is none of them.
    """
    return int(text) if text.isascii() and text.isdecimal() else ResetTo(text)


def time_named(text: str) -> datetime:
    """A time in ISO 8601; in UTC unless it says otherwise.

    >>> time_named("2026-03-01T12:00").isoformat(), time_named("2026-03-01T12:00+01:00").isoformat()
    ('2026-03-01T12:00:00+00:00', '2026-03-01T12:00:00+01:00')

    Raises:
        ValueError: It is none.
    """
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


async def list_topics(admin: Admin, out: TextIO) -> None:
    """One line a topic: partitions, copies, records, and how many partitions are not well."""
    topics = await admin.topics()
    held = await admin.offsets_of([at for topic in topics for at in topic.led])
    rows: list[Sequence[object]] = [
        ("TOPIC", "PARTITIONS", "COPIES", "RECORDS", "UNDER-REPLICATED", "OFFLINE")
    ]
    for topic in topics:
        partitions = topic.partitions
        rows.append(
            (
                topic.name,
                len(partitions),
                max((len(each.replicas) for each in partitions), default=0),
                _records(held, topic.name),
                sum(len(each.in_sync) < len(each.replicas) for each in partitions),
                sum(each.leader < 0 for each in partitions),
            )
        )
    _table(rows, out)


async def describe_topic(admin: Admin, name: str, out: TextIO) -> None:
    """A topic's own settings, then one line a partition; what nobody leads has no offsets.

    Raises:
        LogShellError: There is no such topic.
    """
    topic = await _topic(admin, name)
    for setting, value in sorted((await admin.topic_configs([name]))[name].items()):
        out.write(f"{setting}={value}\n")
    held = await admin.offsets_of(topic.led)
    rows: list[Sequence[object]] = [
        ("PARTITION", "LEADER", "REPLICAS", "IN-SYNC", "LOG-START", "END")
    ]
    for each in topic.partitions:
        span = held.get(TopicPartition(name, each.partition))
        start, end = ("-", "-") if span is None else (span.start, span.end)
        leader = each.leader if each.leader >= 0 else "none"
        replicas, in_sync = _joined(each.replicas), _joined(each.in_sync)
        rows.append((each.partition, leader, replicas, in_sync, start, end))
    _table(rows, out)


async def tail(bus: BusSettings, name: str, out: TextIO, *, last: int, follow: bool) -> None:
    """The last records of every partition, then, if asked to, those that come, until cancelled.

    Args:
        last: At most so many records of each partition.

    Raises:
        LogShellError: There is no such topic.
    """
    async with Reader(bus, client_id="tocsin-tail") as reader:
        partitions = await reader.partitions(name)
        if not partitions:
            raise _no_topic(name)
        held = await reader.offsets(partitions)
        starts = {at: max(span.start, span.end - last) for at, span in held.items()}
        await reader.assign(starts)
        while follow or any(reader.positions[at] < held[at].end for at in partitions):
            for record in await reader.poll(max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS):
                out.write(_json(record) + "\n")
            out.flush()


async def list_groups(admin: Admin, out: TextIO) -> None:
    """One line a group: its state, its members and how far it is behind."""
    rows: list[Sequence[object]] = [("GROUP", "STATE", "MEMBERS", "LAG")]
    for group in await admin.groups():
        lag = sum((await admin.lag(group.name)).values())
        rows.append((group.name, group.state, len(group.members), lag))
    _table(rows, out)


async def describe_group(admin: Admin, name: str, out: TextIO) -> None:
    """One line a partition: committed, end, lag, and who reads it.

    Raises:
        LogShellError: There is no such group.
    """
    group = await _group(admin, name)
    committed = await admin.committed(name)
    readers = {at: client for client, assigned in group.members for at in assigned}
    held = await admin.offsets({at.topic for at in (*committed, *readers)})
    out.write(f"state={group.state} members={len(group.members)}\n")
    rows: list[Sequence[object]] = [
        ("TOPIC", "PARTITION", "COMMITTED", "LOG-START", "END", "LAG", "READER")
    ]
    for at in sorted({*committed, *readers}):
        span, to = held.get(at, OffsetRange(0, 0)), committed.get(at)
        lag = "-" if to is None else max(0, span.end - max(to.offset, span.start))
        offset = "-" if to is None else to.offset
        reader = readers.get(at, "-")
        rows.append((at.topic, at.partition, offset, span.start, span.end, lag, reader))
    _table(rows, out)


async def reset_group(
    admin: Admin, name: str, topics: Collection[str], to: Place, out: TextIO, *, dry_run: bool
) -> None:
    """Let a group go on elsewhere: one line a partition with its old and new place.

    Args:
        topics: Where; none: in all topics that it has committed for.
        to: An offset is brought within what each partition holds. For a time it is the first
            record as late as that, the end if there is none.
        dry_run: Say it and do nothing.

    Raises:
        LogShellError: There is no such topic or group, or the group has members: they would
            commit over it.
    """
    present = {topic.name for topic in await admin.topics()}
    for missing in sorted(set(topics) - present):
        raise _no_topic(missing)
    group = await _group(admin, name)
    if group.state not in IDLE_STATES and not dry_run:
        raise LogShellError(
            f"group {name} is {group.state} with {len(group.members)} members; stop them first"
        )
    committed = await admin.committed(name)
    wanted = await _places(admin, topics or {at.topic for at in committed}, to)
    if not wanted:
        raise LogShellError(f"group {name} has committed nothing; name its topics with --topic")
    if not dry_run:
        await admin.commit(name, {at: Committed(offset) for at, offset in wanted.items()})
    rows: list[Sequence[object]] = [("TOPIC", "PARTITION", "FROM", "TO")]
    for at, offset in wanted.items():
        before = committed.get(at)
        rows.append((at.topic, at.partition, before.offset if before else "-", offset))
    _table(rows, out)
    if dry_run:
        out.write("Nothing was changed; leave out --dry-run to do it.\n")


async def _places(admin: Admin, topics: Collection[str], to: Place) -> Mapping[TopicPartition, int]:
    """Where that is in each partition of the topics, in order."""
    held = await admin.offsets(topics)
    found: Mapping[TopicPartition, int] = {}
    if isinstance(to, datetime):
        found = await admin.offsets_at(list(held), round(to.timestamp() * 1000))
    places = {}
    for at, span in sorted(held.items()):
        if to is ResetTo.EARLIEST:
            places[at] = span.start
        elif to is ResetTo.LATEST:
            places[at] = span.end
        else:
            offset = to if isinstance(to, int) else found.get(at, span.end)
            places[at] = min(max(offset, span.start), span.end)
    return places


async def _topic(admin: Admin, name: str) -> TopicDescription:
    for topic in await admin.topics():
        if topic.name == name:
            return topic
    raise _no_topic(name)


def _no_topic(name: str) -> LogShellError:
    return LogShellError(f"there is no topic {name!r}; tocsin topics list names them all")


async def _group(admin: Admin, name: str) -> GroupDescription:
    for group in await admin.groups():
        if group.name == name:
            return group
    raise LogShellError(f"there is no group {name!r}; tocsin groups list names them all")


def _records(held: Mapping[TopicPartition, OffsetRange], topic: str) -> int:
    return sum(span.end - span.start for at, span in held.items() if at.topic == topic)


def _joined(nodes: Sequence[int]) -> str:
    return ",".join(map(str, nodes)) or "none"


def _json(record: Record) -> str:
    return json.dumps(
        {
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "key": _text(record.key),
            "value": _text(record.value),
            "headers": {name: _text(value) for name, value in record.headers},
        },
        ensure_ascii=False,
    )


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "backslashreplace")


def _table(rows: Sequence[Sequence[object]], out: TextIO) -> None:
    """Aligned columns, two spaces apart; numbers and names alike to the left."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    for row in texts:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.write(line.rstrip() + "\n")
