"""The live evaluation over files: ``tocsin scan``.

A file is NDJSON, NDJSON.gz or plain text, told apart line by line. A JSON object is flattened as
collectors do it; a member ``_raw`` is the message it came from. Any other line is text, except in
a file that calls itself ``.json``, ``.jsonl`` or ``.ndjson``, where it is broken: named on stderr,
counted, passed over.

An event's log source is what ``--logsource`` says of all of them; without it, what its fields
say: ``logsource.*``, or Channel and EventID of a Windows event. An event that says nothing of the
kind belongs to no log source, and no rule is meant for it.

Correlations need times: with ``--time-field`` they are evaluated over the events of all files
(``detections.scan_correlation``), after the last of them; without it they are named as not
evaluated.
"""

import gzip
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import TextIO

import orjson

from detections.correlation.hit import Firing
from detections.correlation.links import Links
from detections.engine import Engine, Match
from detections.errors import LogSourceInvalid
from detections.log_source import EventSources, parse_log_source
from detections.processing import ProcessingSources
from detections.rule_set import RuleSet, load
from detections.scan_correlation import FileCorrelations
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE, with_ecs
from pipeline.schema.flatten import flatten

MAX_LINE_BYTES = 16 << 20
_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_GZIP_MAGIC = b"\x1f\x8b"
RAW_MEMBER = "_raw"


class _BrokenLine(Exception):
    """A line that holds no event; the message says why."""


def main_scan(
    rules: Sequence[Path],
    events: Sequence[Path],
    logsource: Sequence[str],
    out: TextIO,
    err: TextIO = sys.stderr,
    *,
    pipelines: Sequence[str] = (),
    placeholder_files: Sequence[Path] = (),
    time_field: str = "",
    cache_directory: Path | None = None,
) -> int:
    """Hold rules against the events of files; one JSON line a match on ``out``.

    Args:
        rules: Sigma files or directories.
        events: Files of events.
        logsource: What all events belong to; empty to read it from their fields.
        out, err: Where matches go, and everything that is to be said.
        time_field: Which field holds an event's time; empty: correlations are not evaluated.
        cache_directory: Where compiled rules are kept; None: nowhere.

    Returns:
        0 when every file was read, 1 when one could not be, 2 when nothing could be begun.
    """
    try:
        sources = parse_log_source(logsource)
    except LogSourceInvalid as error:
        err.write(f"--logsource: {error}\n")
        return 2
    missing = [path for path in rules if not path.exists()]
    if missing or not rules:
        err.write(f"--rules: {missing[0]} does not exist\n" if missing else "--rules: none given\n")
        return 2
    started = time.monotonic()
    processing = ProcessingSources(placeholder_files=placeholder_files, pipelines=pipelines).read()
    if processing.problems:
        err.writelines(f"{problem}\n" for problem in processing.problems)
        return 2
    rule_set = load(rules, processing=processing, cache_directory=cache_directory)
    for problem in rule_set.problems:
        err.write(f"{problem}\n")
    scan = _Scan(rule_set, sources, time_field, out, err)
    try:
        for path in events:
            scan.file(path)
        scan.correlate()
        out.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        with suppress(BrokenPipeError):
            out.close()
    err.write(f"{scan.summary()}, {time.monotonic() - started:.1f} seconds\n")
    return 1 if scan.unreadable else 0


def event_of_line(line: bytes, *, is_json: bool) -> tuple[dict[str, Value], str]:
    """The fields and the raw text of one line.

    Raises:
        _BrokenLine: It is no JSON object where there has to be one.
    """
    if not is_json and not line.lstrip().startswith(b"{"):
        text = line.decode("utf-8", "replace")
        return {MESSAGE: text}, text
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _BrokenLine(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _BrokenLine("not a JSON object")
    raw = document.pop(RAW_MEMBER, "")
    return with_ecs(flatten(document)), raw if isinstance(raw, str) else ""


class _Scan:
    """One scan: rules, and what became of the events so far."""

    def __init__(
        self,
        rule_set: RuleSet,
        sources: EventSources | None,
        time_field: str,
        out: TextIO,
        err: TextIO,
    ) -> None:
        self._rule_set = rule_set
        self._engine = Engine(rule_set)
        self._links = Links(rule_set.correlations)
        self._correlations = FileCorrelations(self._links, time_field) if time_field else None
        self._sources = sources
        self._out = out
        self._err = err
        self._events = 0
        self._matches = 0
        self._broken = 0
        self.unreadable = 0

    def file(self, path: Path) -> None:
        """Hold the rules against the events of a file."""
        suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
        is_json = bool(suffixes) and suffixes[-1] in _JSON_SUFFIXES
        try:
            for number, line in _lines(path):
                try:
                    if len(line) > MAX_LINE_BYTES:
                        raise _BrokenLine(f"longer than {MAX_LINE_BYTES} bytes")
                    fields, raw = event_of_line(line, is_json=is_json)
                except _BrokenLine as reason:
                    self._broken += 1
                    self._err.write(f"{path}:{number}: {reason}\n")
                    continue
                self._event(path, number, fields, raw)
        except BrokenPipeError:
            raise
        except (OSError, EOFError) as error:
            self.unreadable += 1
            self._err.write(f"{path}: cannot be read: {error}\n")

    def _event(self, path: Path, number: int, fields: dict[str, Value], raw: str) -> None:
        self._events += 1
        found = self._correlations
        at = found.begin(fields) if found is not None else None
        for match in self._engine.evaluate(fields, raw, self._sources):
            rule = match.rule
            if not self._links.is_silent(rule.id, rule.name):
                self._matches += 1
                self._out.write(_written(path, number, match))
            if found is not None and at is not None:
                found.observe(rule.id, rule.name, fields, at, file=str(path), line=number)

    def correlate(self) -> None:
        """Write what correlations make of the matches of all files."""
        if self._correlations is None:
            return
        for firing in self._correlations.fire():
            correlation = firing.correlation
            if not self._links.is_silent(correlation.id, correlation.name):
                self._matches += 1
                self._out.write(_written_firing(firing))

    def summary(self) -> str:
        """What was seen, in words."""
        correlations = len(self._rule_set.correlations)
        said = [
            f"{self._events} events",
            f"{self._matches} matches",
            f"{len(self._engine.rules)} rules",
            f"{len(self._rule_set.problems)} problems",
        ]
        if self._broken:
            said.append(f"{self._broken} broken lines")
        if self._correlations is None:
            if correlations:
                said.append(f"{correlations} correlations not evaluated (they need --time-field)")
            return ", ".join(said)
        said.append(f"{correlations} correlations")
        if self._correlations.without_time:
            said.append(f"{self._correlations.without_time} events without a time")
        said += [
            f"{count} not correlated ({reason})"
            for reason, count in sorted(self._correlations.left_out().items())
        ]
        return ", ".join(said)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, numbered from 1; of one too long, the first bytes."""
    with path.open("rb") as plain:
        packed = plain.peek(2)[:2] == _GZIP_MAGIC
        with gzip.open(plain) if packed else plain as file:
            number = 0
            while line := _bounded_line(file):
                number += 1
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if text.strip():
                    yield number, text.rstrip(b"\r\n")


def _bounded_line(file: BufferedReader | gzip.GzipFile) -> bytes:
    line = file.readline(MAX_LINE_BYTES + 1)
    rest = line
    while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
        rest = file.readline(MAX_LINE_BYTES + 1)
    return line


def _written(path: Path, number: int, match: Match) -> str:
    rule = match.rule
    line = {
        "file": str(path),
        "line": number,
        "rule": rule.id,
        "title": rule.title,
        "level": rule.level,
    }
    return orjson.dumps(line).decode() + "\n"


def _written_firing(firing: Firing) -> str:
    """A correlation's line; where its events are in several files, ``files`` says which line's."""
    correlation = firing.correlation
    files = [event.topic for event in firing.events]
    line = {
        "file": files[-1],
        "rule": correlation.id,
        "title": correlation.title,
        "level": correlation.level,
        "group": firing.group,
        "lines": [event.offset for event in firing.events],
    }
    if len(set(files)) > 1:
        line["files"] = files
    return orjson.dumps(line).decode() + "\n"
