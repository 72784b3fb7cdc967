"""The live evaluation over files: ``tocsin scan``.

A file is NDJSON, NDJSON.gz or plain text, told apart line by line. A JSON object is flattened as
collectors do it; a member ``_raw`` is the message it came from. Any other line is text, except in
a file that calls itself ``.json``, ``.jsonl`` or ``.ndjson``, where it is broken: named on stderr,
counted, passed over.

An event's log source is what ``--logsource`` says of all of them; without it, what its fields
say: ``logsource.*``, or Channel and EventID of a Windows event. An event that says nothing of the
kind belongs to no log source, and no rule is meant for it. Correlations are not evaluated.
"""

import gzip
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TextIO

import orjson

from detections.correlation import HitFinder
from detections.engine import Engine, Match
from detections.errors import LogSourceInvalid
from detections.log_source import EventSources, parse_log_source
from detections.processing import ProcessingSources
from detections.rule_set import load
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE, with_ecs
from pipeline.schema.flatten import flatten

MAX_LINE_BYTES = 16 << 20
_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_GZIP_MAGIC = b"\x1f\x8b"
RAW_MEMBER = "_raw"


@dataclass(slots=True)
class _Tally:
    """What a scan has seen."""

    events: int = 0
    matches: int = 0
    broken: int = 0
    unreadable: int = 0


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
    cache_directory: Path | None = None,
) -> int:
    """Hold rules against the events of files; one JSON line a match on ``out``.

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
    engine = Engine(rule_set)
    silent = _silent_rules(HitFinder(rule_set.correlations), engine)
    tally = _Tally()
    try:
        for path in events:
            _scan_file(path, engine, sources, silent, tally, out, err)
        out.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        with suppress(BrokenPipeError):
            out.close()
    broken = f", {tally.broken} broken lines" if tally.broken else ""
    unevaluated = len(rule_set.correlations)
    err.write(
        f"{tally.events} events, {tally.matches} matches, {len(engine.rules)} rules, "
        f"{len(rule_set.problems)} problems{broken}"
        + (f", {unevaluated} correlations not evaluated" if unevaluated else "")
        + f", {time.monotonic() - started:.1f} seconds\n"
    )
    return 1 if tally.unreadable else 0


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


def _scan_file(
    path: Path,
    engine: Engine,
    sources: EventSources | None,
    silent: frozenset[str],
    tally: _Tally,
    out: TextIO,
    err: TextIO,
) -> None:
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    is_json = bool(suffixes) and suffixes[-1] in _JSON_SUFFIXES
    try:
        for number, line in _lines(path):
            try:
                if len(line) > MAX_LINE_BYTES:
                    raise _BrokenLine(f"longer than {MAX_LINE_BYTES} bytes")
                fields, raw = event_of_line(line, is_json=is_json)
            except _BrokenLine as reason:
                tally.broken += 1
                err.write(f"{path}:{number}: {reason}\n")
                continue
            tally.events += 1
            for match in engine.evaluate(fields, raw, sources):
                if match.rule.id not in silent:
                    tally.matches += 1
                    out.write(_written(path, number, match))
    except BrokenPipeError:
        raise
    except (OSError, EOFError) as error:
        tally.unreadable += 1
        err.write(f"{path}: cannot be read: {error}\n")


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


def _silent_rules(finder: HitFinder, engine: Engine) -> frozenset[str]:
    """Rules that only count for correlations, which do not ask for their alerts."""
    return frozenset(rule.id for rule in engine.rules if finder.is_silent(rule.id, rule.name))
