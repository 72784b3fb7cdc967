"""Load Sigma files into rules and problems; a bad file never hides the good ones.

Every ``.yml`` and ``.yaml`` file below a directory is read, except rule tests
(``*.tests.yml``). A document gives a rule, a correlation or a problem with file, line and reason.
A rule in a later directory replaces its namesake (same id) in an earlier one, so that a site can
change what we ship; within one directory the second of two namesakes is a problem.

What a file compiled to is kept in a cache directory by the digest of its bytes, so that an
unchanged file is not parsed again. The cache is only ever a shortcut: unreadable, it is ignored.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import msgspec
import yaml
from sigma.exceptions import SigmaConditionError, SigmaError
from sigma.rule import SigmaRule

from detections.compiler import Rule, compile_condition
from detections.correlation import Correlation, compile_correlation
from detections.errors import RuleProblem, RuleRejected
from detections.log_source import LogSource
from pipeline.schema.event import uuid8

SHIPPED_RULES = Path(__file__).parent / "rules"
MAX_FILE_BYTES = 1 << 20
TESTS_SUFFIXES = (".tests.yml", ".tests.yaml")
# A change of what documents compile to takes another number, so that old caches are not believed.
_FORMAT = "1"
# YAML aliases can make a small file huge (the "billion laughs"): nodes counted as if written out.
_MAX_NODES = 200_000

Document = Rule | Correlation | RuleProblem
_Compiled = tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """What a set of directories holds.

    Attributes:
        rules: Rules by directory and path; ids are unique.
        correlations: Correlations, likewise; the rules they name are there.
        problems: Everything that gave no rule.
    """

    rules: Sequence[Rule] = ()
    correlations: Sequence[Correlation] = ()
    problems: Sequence[RuleProblem] = ()


def load(
    directories: Iterable[Path],
    *,
    cache_directory: Path | None = None,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> RuleSet:
    """The rules and problems of directories (or single files), in order.

    Args:
        directories: Where rules lie; one that is not there is a problem, not an error.
        cache_directory: Where compiled files are kept; None: nowhere.
        max_file_bytes: Larger files are problems and are not read.
    """
    cache = _Cache(cache_directory)
    chosen: dict[str, Rule | Correlation] = {}
    problems: list[RuleProblem] = []
    for directory in directories:
        own: dict[str, Rule | Correlation] = {}
        for document in _documents(directory, cache, max_file_bytes):
            if isinstance(document, RuleProblem):
                problems.append(document)
            elif document.id in own:
                problems.append(_namesake(document, own[document.id]))
            else:
                own[document.id] = document
        chosen.update(own)
    cache.save()
    rules = [document for document in chosen.values() if isinstance(document, Rule)]
    correlations = []
    for document in chosen.values():
        if isinstance(document, Correlation):
            problem = _unresolved(document, rules)
            if problem is None:
                correlations.append(document)
            else:
                problems.append(problem)
    return RuleSet(rules=rules, correlations=correlations, problems=problems)


def compile_text(text: str, path: str = "") -> list[Document]:
    """What the documents of a Sigma file compile to, in order; never raises for any text."""
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.CSafeLoader) if node]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        reason = getattr(error, "problem", None) or str(error)
        return [RuleProblem(path=path, line=line, reason=f"not YAML: {reason}")]
    if not nodes:
        return [RuleProblem(path=path, line=1, reason="the file holds no rule")]
    texts = [text] if len(nodes) == 1 else _texts(text, nodes)
    return [_document(node, own, path) for node, own in zip(nodes, texts, strict=True)]


def _texts(text: str, nodes: Sequence[yaml.Node]) -> list[str]:
    """The text of each of several documents."""
    lines = text.splitlines(keepends=True)
    edges = [node.start_mark.line for node in nodes] + [len(lines)]
    texts = ("".join(lines[first:last]) for first, last in pairwise(edges))
    return [text.removesuffix("\n").removesuffix("---") for text in texts]


def _documents(directory: Path, cache: "_Cache", max_file_bytes: int) -> Iterator[Document]:
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


def _document(node: yaml.Node, text: str, path: str) -> Document:
    """What one YAML document compiles to."""
    lines: dict[str, int] = {}
    written: object = None
    try:
        _inspect(node, lines)
        written = yaml.constructor.SafeConstructor().construct_document(node)
        if not isinstance(written, dict):
            raise RuleRejected("a rule is a mapping of keys and values")
        return _compile(written, text)
    except SigmaConditionError as error:
        reason = f"condition: {error}"
    except (SigmaError, RuleRejected, yaml.YAMLError) as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deeply"
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        reason = f"not a Sigma rule: {type(error).__name__}: {error}"
    heading = written if isinstance(written, dict) else {}
    return RuleProblem(
        path=path,
        line=_line_of(reason, lines, text, node.start_mark.line + 1),
        reason=reason,
        rule_id=str(heading.get("id") or ""),
        title=str(heading.get("title") or ""),
    )


def _inspect(document: yaml.Node, lines: dict[str, int]) -> None:
    """Note the line of every key; refuse what would be huge or would lose a part silently.

    Raises:
        RuleRejected: Too many nodes with aliases written out, or a key twice in one mapping.
    """
    left = _MAX_NODES
    open_nodes = [document]
    while open_nodes:
        node = open_nodes.pop()
        left -= 1
        if left < 0:
            raise RuleRejected(f"more than {_MAX_NODES} YAML nodes, aliases written out")
        if isinstance(node, yaml.SequenceNode):
            open_nodes.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    lines.setdefault(key.value, key.start_mark.line + 1)
                open_nodes.append(value)
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise RuleRejected(f"the key {twice!r} stands twice; YAML would drop the first")


def _line_of(reason: str, lines: Mapping[str, int], text: str, first: int) -> int:
    """The line that a reason speaks of: of the text or key it quotes; else the document's first."""
    for quoted in re.findall(r"%[^%\s]+%|'[^']{3,}'", reason):
        at = text.find(quoted.strip("'"))
        if at >= 0:
            return first + text.count("\n", 0, at)
    for key in ("condition", "logsource", "correlation"):
        if key in reason.lower().replace("log source", "logsource") and key in lines:
            return lines[key]
    return first


def _compile(written: dict[str, object], text: str) -> Rule | Correlation:
    """A document that is a rule or a correlation.

    Raises:
        RuleRejected: It is neither, or cannot be evaluated.
        SigmaError: pySigma refuses it.
    """
    revision = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    if "correlation" in written:
        return compile_correlation(written, revision=revision, text=text)
    if "filter" in written:
        raise RuleRejected("Sigma filters are not evaluated by this version")
    if "action" in written:
        raise RuleRejected("rule collections (action: …) are no longer part of Sigma")
    parsed = SigmaRule.from_dict(written)
    source = parsed.logsource
    if not (source.product or source.category or source.service):
        raise RuleRejected("logsource names no product, category or service")
    return Rule(
        id=str(parsed.id) if parsed.id else str(uuid8(sha256(text.encode()).digest())),
        name=parsed.name or "",
        title=parsed.title,
        level=parsed.level.name.lower() if parsed.level else "medium",  # type: ignore[arg-type]
        author=parsed.author or "",
        tags=tuple(str(tag) for tag in parsed.tags),
        log_source=LogSource(
            *(
                part.lower() if part else None
                for part in (source.product, source.category, source.service)
            )
        ),
        condition=compile_condition(parsed),
        revision=revision,
        text=text,
    )


def _namesake(document: Rule | Correlation, first: Rule | Correlation) -> RuleProblem:
    return RuleProblem(
        path=document.path,
        line=1,
        reason=f"the id {document.id} is that of {first.path} already",
        rule_id=document.id,
        title=document.title,
    )


def _unresolved(correlation: Correlation, rules: Sequence[Rule]) -> RuleProblem | None:
    known = {rule.id for rule in rules} | {rule.name for rule in rules if rule.name}
    missing = [reference for reference in correlation.rules if reference not in known]
    if not missing:
        return None
    return RuleProblem(
        path=correlation.path,
        line=1,
        reason=f"the correlation names rules that are not loaded: {', '.join(missing)}",
        rule_id=correlation.id,
        title=correlation.title,
    )


class _Cache:
    """Compiled files by the digest of their bytes, in one file of a directory."""

    def __init__(self, directory: Path | None) -> None:
        self._path = (
            directory / f"rules-{_FORMAT}-{version('pysigma')}.msgpack" if directory else None
        )
        self._known: dict[str, _Compiled] = {}
        self._used: dict[str, _Compiled] = {}
        if self._path is not None:
            with suppress(OSError, msgspec.MsgspecError):
                decoder = msgspec.msgpack.Decoder(dict[str, _Compiled])
                self._known = decoder.decode(self._path.read_bytes())

    def compiled(self, content: bytes, text: str) -> _Compiled:
        """What a file's text compiles to, from the cache or afresh."""
        digest = sha256(content).hexdigest()
        found = self._known.get(digest)
        if found is None:
            found = tuple(compile_text(text))
        self._used[digest] = found
        return found

    def save(self) -> None:
        """Replace the cache file when files have changed; a full disk costs only the shortcut."""
        if self._path is None or self._used.keys() == self._known.keys():
            return
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.msgpack.encode(self._used))
            fresh.replace(self._path)
