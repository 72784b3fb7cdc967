"""Sigma filters: exceptions that are written once and hold for many rules. Pure.

A filter names rules, or ``any``, and applies to those of its log source (specification, "Sigma
Filters"). Its condition may be written both ways: the specification's example names what is to be
left out (``condition: selection``), pySigma and most published filters what stays (``condition:
not selection``). Which one it is follows from one principle: an event of which none of the filter's
detections holds is not the filter's business and stays. So a condition that holds on such an event
says what stays, any other what is left out (docs/decisions/0021).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
import yaml
from sigma.exceptions import SigmaError

from detections.compiler import All, Node, Not, Rule, combined, compile_condition, revision_of
from detections.condition import holds_on_nothing, parse_condition
from detections.errors import RuleProblem, RuleRejected
from detections.log_source import LogSource
from detections.processing import Processing
from detections.sigma_rule import parse_rule
from pipeline.schema.event import uuid8


class Filter(msgspec.Struct, frozen=True, kw_only=True, tag="filter"):
    """A filter, ready to be applied to rules.

    Attributes:
        id: As written; where the filter has none, a digest of its text.
        title: As written.
        log_source: Rules of it, or of a part of it, are filtered.
        rules: Ids or names of the rules; None: any.
        condition: What must hold, beside a rule's own condition.
        revision: Digest of the text, and of what was made of it.
        text: The YAML document.
        path: The file it was loaded from.
        line: Where in it.
    """

    id: str
    title: str
    log_source: LogSource
    rules: tuple[str, ...] | None
    condition: Node
    revision: str
    text: str
    path: str = ""
    line: int = 1

    def speaks_of(self, rule: Rule) -> bool:
        """Whether the filter names a rule, whatever its log source."""
        return self.rules is None or rule.id in self.rules or rule.name in self.rules


def compile_filter(
    written: Mapping[str, object],
    *,
    text: str,
    processing: Processing,
    log_source: LogSource | None = None,
) -> Filter:
    """A filter from its document.

    Args:
        written: The document.
        text: Its text.
        processing: Placeholder values and pipelines.
        log_source: That of the rule for which pipelines are to be applied; None: the filter's own.

    Raises:
        RuleRejected: It names no rules, or cannot be evaluated.
        sigma.exceptions.SigmaError: pySigma refuses it.
    """
    body = written.get("filter")
    if not isinstance(body, Mapping):
        raise RuleRejected("a filter is a mapping of rules, selections and a condition")
    if not isinstance(body.get("condition"), str):
        raise RuleRejected("condition: a filter has one, which is text")
    detection = {name: value for name, value in body.items() if name != "rules"}
    head = {name: value for name, value in written.items() if name != "filter"}
    rules = _rules(body)
    if log_source is not None:
        head["logsource"] = {
            key: value for key, value in msgspec.structs.asdict(log_source).items() if value
        }
    parsed = parse_rule({**head, "detection": detection}, processing)
    named = compile_condition(parsed.rule)
    stays = holds_on_nothing(parse_condition(body["condition"]))
    condition = named if stays else Not(named)
    meaning = msgspec.msgpack.encode(condition) if parsed.is_processed else b""
    return Filter(
        id=str(parsed.rule.id) if parsed.rule.id else str(uuid8(sha256(text.encode()).digest())),
        title=parsed.rule.title,
        log_source=parsed.written_source,
        rules=rules,
        condition=condition,
        revision=revision_of(text, meaning),
        text=text,
    )


def apply_filters(
    rules: Sequence[Rule], filters: Sequence[Filter], processing: Processing
) -> tuple[list[Rule], list[RuleProblem]]:
    """Rules with what filters demand of them, and a problem for each filter that misses some.

    A rule that a filter cannot be applied to stays as it is: too many alerts, not too few.
    """
    filtered, problems = list(rules), dict[RuleProblem, None]()
    compiled: dict[tuple[str, LogSource], Node | RuleProblem] = {}
    for index, rule in enumerate(rules):
        source = rule.written_source or rule.log_source
        ids, nodes = list[str](), [rule.condition]
        for one in filters:
            if not one.speaks_of(rule) or not one.log_source.covers(source):
                continue
            key = (one.id, source)
            if key not in compiled:
                compiled[key] = _condition_for(one, source, processing)
            found = compiled[key]
            if isinstance(found, RuleProblem):
                problems[found] = None
            else:
                ids.append(one.id)
                nodes.append(found)
        if ids:
            filtered[index] = _filtered(rule, ids, nodes)
    found_in_vain = (_in_vain(one, rules) for one in filters)
    return filtered, [*problems, *(problem for problem in found_in_vain if problem is not None)]


def _filtered(rule: Rule, ids: Sequence[str], nodes: Sequence[Node]) -> Rule:
    """The rule with more to hold; as it means something else, its revision is another."""
    condition = combined(All, nodes)
    assert condition is not None, "the rule's own is among them"
    return msgspec.structs.replace(
        rule,
        condition=condition,
        revision=revision_of(rule.text, msgspec.msgpack.encode((rule.revision, condition))),
        filters=tuple(ids),
    )


def _condition_for(one: Filter, source: LogSource, processing: Processing) -> Node | RuleProblem:
    """What a filter demands of rules of a log source: pipelines may treat each differently."""
    if processing.pipeline is None or source == one.log_source:
        return one.condition
    try:
        written = yaml.safe_load(one.text)
        again = compile_filter(written, text=one.text, processing=processing, log_source=source)
    except (SigmaError, RuleRejected) as error:
        return _problem(one, f"it cannot be applied to rules of {source.in_words()}: {error}")
    return again.condition


def _in_vain(one: Filter, rules: Sequence[Rule]) -> RuleProblem | None:
    """A problem where a filter names rules that it does nothing for."""
    if one.rules is None:
        return None
    missing = {name: "is not loaded" for name in one.rules}
    for rule in rules:
        if one.speaks_of(rule):
            covered = one.log_source.covers(rule.written_source or rule.log_source)
            for name in missing.keys() & {rule.id, rule.name}:
                missing[name] = "" if covered else "has another log source"
    reasons = [f"{name} {reason}" for name, reason in missing.items() if reason]
    if not reasons:
        return None
    return _problem(one, f"rules that the filter names and cannot reach: {'; '.join(reasons)}")


def _problem(one: Filter, reason: str) -> RuleProblem:
    return RuleProblem(path=one.path, line=one.line, reason=reason, rule_id=one.id, title=one.title)


def _rules(body: Mapping[object, object]) -> tuple[str, ...] | None:
    """The rules that a filter names; None: any."""
    written = body.get("rules")
    if written == [] or (isinstance(written, str) and written.lower() == "any"):
        return None
    names = written if isinstance(written, list) else [written]
    if not all(name and isinstance(name, str) for name in names):
        raise RuleRejected("a filter names its rules by id or name, or says 'rules: any'")
    return tuple(names)
