"""One Sigma file's text to rules, correlations, filters and problems. Pure.

A file holds one or several YAML documents; each gives a rule, a correlation, a filter or a problem
with line and reason. YAML that would be huge, or lose a key silently, is refused before it is read.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import pairwise

import msgspec
import yaml
from sigma.exceptions import SigmaConditionError, SigmaError

from detections.compiler import Rule, compile_condition, revision_of
from detections.correlation.definition import Correlation, compile_correlation
from detections.errors import RuleProblem, RuleRejected
from detections.filters import Filter, compile_filter
from detections.processing import UNPROCESSED, Processing
from detections.sigma_rule import parse_rule, source_of
from pipeline.schema.event import uuid8

# YAML aliases can make a small file huge (the "billion laughs"): nodes counted as if written out.
_MAX_NODES = 200_000

Document = Rule | Correlation | Filter | RuleProblem


def compile_text(
    text: str, path: str = "", *, processing: Processing = UNPROCESSED
) -> list[Document]:
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
    return [_document(node, own, path, processing) for node, own in zip(nodes, texts, strict=True)]


def _texts(text: str, nodes: Sequence[yaml.Node]) -> list[str]:
    """The text of each of several documents."""
    lines = text.splitlines(keepends=True)
    edges = [node.start_mark.line for node in nodes] + [len(lines)]
    texts = ("".join(lines[first:last]) for first, last in pairwise(edges))
    return [text.rstrip().removesuffix("---").rstrip() + "\n" for text in texts]


def _document(node: yaml.Node, text: str, path: str, processing: Processing) -> Document:
    """What one YAML document compiles to."""
    lines: dict[str, int] = {}
    written: object = None
    try:
        _inspect(node, lines)
        written = yaml.constructor.SafeConstructor().construct_document(node)
        if not isinstance(written, dict):
            raise RuleRejected("a rule is a mapping of keys and values")
        found = _compile(written, text, processing)
        if isinstance(found, Filter):
            found = msgspec.structs.replace(found, line=node.start_mark.line + 1)
        return found
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


def _compile(
    written: dict[str, object], text: str, processing: Processing
) -> Rule | Correlation | Filter:
    """A document that is a rule, a correlation or a filter.

    Raises:
        RuleRejected: It is none of these, or cannot be evaluated.
        SigmaError: pySigma refuses it.
    """
    if "correlation" in written:
        return compile_correlation(written, revision=revision_of(text), text=text)
    if "filter" in written:
        return compile_filter(written, text=text, processing=processing)
    if "action" in written:
        raise RuleRejected("rule collections (action: …) are no longer part of Sigma")
    parsed = parse_rule(written, processing)
    rule = parsed.rule
    source, condition = source_of(rule), compile_condition(rule)
    meaning = msgspec.msgpack.encode((source, condition)) if parsed.is_processed else b""
    return Rule(
        id=str(rule.id) if rule.id else str(uuid8(sha256(text.encode()).digest())),
        name=rule.name or "",
        title=rule.title,
        level=rule.level.name.lower() if rule.level else "medium",  # type: ignore[arg-type]
        author=rule.author or "",
        tags=tuple(str(tag) for tag in rule.tags),
        log_source=source,
        written_source=None if source == parsed.written_source else parsed.written_source,
        condition=condition,
        revision=revision_of(text, meaning),
        text=text,
    )
