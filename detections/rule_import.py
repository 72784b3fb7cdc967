"""Rules of others in a directory of their own: put there whole or not at all, one generation kept.

``<home>/rules/<name>`` holds an import, ``<home>/imports/<name>/earlier`` the one before. An import
is written beside and takes its place by one rename (an exchange, where one was there), so whoever
loads rules meanwhile sees the one or the other. What it holds says ``.import.json`` inside it.
"""

import ctypes
import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detections.compiler import Rule
from detections.data_seen import DataSeen, Lacking
from detections.errors import ImportRefused, RuleProblem
from detections.import_source import ImportSource
from detections.rule_set import RuleSet, load

MANIFEST = ".import.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RENAME_EXCHANGE, _AT_FDCWD = 2, -100


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import gives, honestly.

    Attributes:
        name: What it is called.
        source: What was read, and what was left out.
        rule_set: What its files load to.
        lacking: Loaded rules that no event of the data seen could match, and why; None if the
            data was not asked.
        taken: Rules whose id a rule elsewhere has, by that rule's file.
        replaced: Whether an earlier import of that name gave way, or would.
    """

    name: str
    source: ImportSource
    rule_set: RuleSet
    lacking: Sequence[tuple[Rule, Lacking]] | None
    taken: Sequence[tuple[Rule, str]]
    replaced: bool

    @property
    def problems(self) -> Sequence[RuleProblem]:
        """What gave no rule, with paths as the source has them."""
        return self.rule_set.problems

    @property
    def ready(self) -> int:
        """Loaded rules that the data can feed, or all of them if it was not asked."""
        return len(self.rule_set.rules) - len(self.lacking or ())


Loader = Callable[[Sequence[Path]], RuleSet]


def name_for(source: Path) -> str:
    """What an import is called that was given no name.

    >>> name_for(Path("/tmp/Sigma all rules.zip"))
    'sigma-all-rules'
    """
    stem = source.resolve().name.removesuffix(".zip").lower()
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._") or "imported"


def import_rules(
    source: ImportSource,
    home: Path,
    name: str,
    *,
    seen: DataSeen | None = None,
    known: Mapping[str, str] | None = None,
    now: datetime,
    dry_run: bool = False,
    loader: Loader = load,
) -> ImportReport:
    """Put rules in force under a name, in place of those that were there under it.

    Args:
        source: What to import.
        home: The data directory.
        name: Lower-case letters, digits, ``.``, ``_`` and ``-``.
        seen: What the data has; None: not known.
        known: Ids of rules elsewhere and their files.
        now: Is noted with the import.
        dry_run: Write nothing; only say what would come of it.
        loader: How the product loads rules.

    Raises:
        ImportRefused: Nothing was changed.
    """
    place = _place(home, name)
    replaced = place.exists()
    if replaced and not (place / MANIFEST).is_file():
        raise ImportRefused(f"{place} is there and was not imported; choose another name")
    if not source.files:
        raise ImportRefused(f"{source.origin} holds no rule files")
    if dry_run:
        with tempfile.TemporaryDirectory() as scratch:
            rule_set = _written(source, Path(scratch) / name, loader)
        return _report(name, source, rule_set, seen, known or {}, replaced)
    try:
        with _alone(home) as imports:
            beside = imports / name
            incoming, earlier = beside / "incoming", beside / "earlier"
            shutil.rmtree(incoming, ignore_errors=True)
            rule_set = _written(source, incoming, loader)
            _note(incoming, source, now)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.sync()
            _swap(incoming, place, earlier)
    except OSError as error:
        raise ImportRefused(f"nothing was imported: {error}") from error
    return _report(name, source, rule_set, seen, known or {}, replaced)


def _place(home: Path, name: str) -> Path:
    if _NAME.fullmatch(name) is None:
        raise ImportRefused(f"{name!r} is no name of lower-case letters, digits, '.', '_' and '-'")
    return home / "rules" / name


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """Where imports are kept, for one of them at a time."""
    imports = home / "imports"
    imports.mkdir(parents=True, exist_ok=True)
    with (imports / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ImportRefused("another import is under way") from error
        yield imports


def _written(source: ImportSource, directory: Path, loader: Loader) -> RuleSet:
    """Write the files and load them; problems name paths as the source has them.

    Raises:
        ImportRefused: Not one rule comes of it.
    """
    for name, content in source.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = loader([directory])
    prefix = f"{directory}/"
    problems = [
        RuleProblem(
            path=problem.path.removeprefix(prefix),
            line=problem.line,
            reason=problem.reason.replace(prefix, ""),
            rule_id=problem.rule_id,
            title=problem.title,
        )
        for problem in found.problems
    ]
    problems += [
        RuleProblem(path=name, line=1, reason=f"{size} bytes are too many for a rule")
        for name, size in source.too_large.items()
    ]
    if not found.rules and not found.correlations:
        first = f"; the first problem: {problems[0]}" if problems else ""
        raise ImportRefused(f"{source.origin} holds no rule that loads{first}")
    return RuleSet(rules=found.rules, correlations=found.correlations, problems=problems)


def _note(directory: Path, source: ImportSource, now: datetime) -> None:
    written = {
        "origin": source.origin,
        "revision": source.revision,
        "imported": now.isoformat(timespec="seconds"),
        "files": len(source.files),
    }
    (directory / MANIFEST).write_text(json.dumps(written, indent=2) + "\n")


def _swap(incoming: Path, place: Path, earlier: Path) -> None:
    """Put what is written in its place; what was there becomes the earlier generation."""
    if not place.exists():
        incoming.rename(place)
        return
    if _exchange(incoming, place):
        shutil.rmtree(earlier, ignore_errors=True)
        incoming.rename(earlier)
        return
    shutil.rmtree(earlier, ignore_errors=True)
    place.rename(earlier)
    try:
        incoming.rename(place)
    except OSError:
        earlier.rename(place)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths at once (renameat2(2)); False where the system cannot."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(number, os.strerror(number), str(other))


def _report(
    name: str,
    source: ImportSource,
    rule_set: RuleSet,
    seen: DataSeen | None,
    known: Mapping[str, str],
    replaced: bool,
) -> ImportReport:
    lacking = None
    if seen is not None:
        every = [(rule, seen.lacking(rule)) for rule in rule_set.rules]
        lacking = [(rule, lack) for rule, lack in every if lack is not None]
    return ImportReport(
        name=name,
        source=source,
        rule_set=rule_set,
        lacking=lacking,
        taken=[(rule, known[rule.id]) for rule in rule_set.rules if rule.id in known],
        replaced=replaced,
    )
