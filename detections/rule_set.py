"""Load Sigma files into rules and problems; a bad file never hides the good ones.

Every ``.yml`` and ``.yaml`` file below a directory is read, except rule tests
(``*.tests.yml``). A document gives a rule, a correlation, a filter or a problem with file, line and
reason. A document in a later directory replaces its namesake (same id) in an earlier one, so that a
site can change what we ship; within one directory the second of two namesakes is a problem. Filters
are applied last, to rules of every directory.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from detections.compiled_cache import CompiledCache
from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.correlation.links import resolved
from detections.documents import Document
from detections.errors import RuleProblem
from detections.filters import Filter, apply_filters
from detections.processing import UNPROCESSED, Processing

SHIPPED_RULES = Path(__file__).parent / "rules"
MAX_FILE_BYTES = 1 << 20
TESTS_SUFFIXES = (".tests.yml", ".tests.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """What a set of directories holds.

    Attributes:
        rules: Rules by directory and path, filters applied; ids are unique.
        correlations: Correlations, likewise; the rules they name are there.
        problems: Everything that gave no rule, or not all that it should.
    """

    rules: Sequence[Rule] = ()
    correlations: Sequence[Correlation] = ()
    problems: Sequence[RuleProblem] = ()


def load(
    directories: Iterable[Path],
    *,
    processing: Processing = UNPROCESSED,
    cache_directory: Path | None = None,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> RuleSet:
    """The rules and problems of directories (or single files), in order.

    Args:
        directories: Where rules lie; one that is not there is a problem, not an error.
        processing: Placeholder values and pipelines; its problems come first.
        cache_directory: Where compiled files are kept; None: nowhere.
        max_file_bytes: Larger files are problems and are not read.
    """
    cache = CompiledCache(cache_directory, processing)
    chosen: dict[str, Rule | Correlation | Filter] = {}
    problems: list[RuleProblem] = list(processing.problems)
    for directory in directories:
        own: dict[str, Rule | Correlation | Filter] = {}
        for document in _documents(directory, cache, max_file_bytes):
            if isinstance(document, RuleProblem):
                problems.append(document)
            elif document.id in own:
                problems.append(_namesake(document, own[document.id]))
            else:
                own[document.id] = document
        chosen.update(own)
    cache.save()
    found = list(chosen.values())
    filters = [document for document in found if isinstance(document, Filter)]
    written = [document for document in found if isinstance(document, Rule)]
    rules, unapplied = apply_filters(written, filters, processing)
    correlations, unresolved = resolved(
        [document for document in found if isinstance(document, Correlation)],
        ((rule.id, rule.name) for rule in rules),
    )
    return RuleSet(
        rules=rules,
        correlations=correlations,
        problems=[*problems, *unapplied, *unresolved],
    )


def _documents(directory: Path, cache: CompiledCache, max_file_bytes: int) -> Iterator[Document]:
    """What every rule file of a directory compiles to, with its path."""
    if not directory.exists():
        yield RuleProblem(path=str(directory), line=1, reason="there is no such directory")
        return
    for path in rule_files(directory):
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= max_file_bytes else b""
            text = content.decode()
        except (OSError, UnicodeDecodeError) as error:
            yield RuleProblem(path=str(path), line=1, reason=f"cannot be read: {error}")
            continue
        if size > max_file_bytes:
            reason = f"{size} bytes, of which {max_file_bytes} are accepted"
            yield RuleProblem(path=str(path), line=1, reason=reason)
            continue
        for document in cache.compiled(content, text):
            yield msgspec.structs.replace(document, path=str(path))


def rule_files(directory: Path) -> Iterator[Path]:
    """The rule files below a directory, or the file itself, by name; none if it is not there."""
    if directory.is_file():
        yield directory
        return
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".yml", ".yaml")) and not name.endswith(TESTS_SUFFIXES):
                yield Path(folder, name)


def _namesake(
    document: Rule | Correlation | Filter, first: Rule | Correlation | Filter
) -> RuleProblem:
    return RuleProblem(
        path=document.path,
        line=1,
        reason=f"the id {document.id} is that of {first.path} already",
        rule_id=document.id,
        title=document.title,
    )
