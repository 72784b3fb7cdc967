"""What a correlation asks for, compiled from its document. Pure.

Beyond Sigma's kinds there is ``absence``: a group that gave hits has given none for one timespan.

pySigma reads what it reads right. The condition is read here: pySigma refuses the ranges of the
specification (``gt`` with ``lte``) and cuts fractions off thresholds.

Specification: sigma-correlation-rules-specification 2.1; what it leaves open: docs/decisions/0022.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from hashlib import sha256
from typing import Literal, get_args

import msgspec
from sigma.correlations import SigmaCorrelationRule

from detections.correlation.expression import Term, parse
from detections.correlation.quantity import number_of
from detections.errors import RuleRejected
from pipeline.schema.event import uuid8

MAX_THRESHOLD = 10_000
MAX_RULES = 50
MAX_FIELDS = 16

Kind = Literal[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "absence",
]
Operator = Literal["gt", "gte", "lt", "lte", "eq", "neq"]

TEMPORAL: tuple[Kind, ...] = ("temporal", "temporal_ordered")
NUMERIC: tuple[Kind, ...] = ("value_sum", "value_avg", "value_percentile", "value_median")
# Ours, beyond the specification; pySigma does not know them.
_OWN: tuple[Kind, ...] = ("absence",)
_COUNTS: tuple[Kind, ...] = ("event_count", "value_count", *TEMPORAL)
_GROWING: tuple[Operator, ...] = ("gt", "gte")


class Bound(msgspec.Struct, frozen=True, array_like=True):
    """One part of a condition: what is measured, compared with a limit.

    Attributes:
        operator: How they compare.
        limit: The number, as decimal text, so that it stays exact.
    """

    operator: Operator
    limit: str


class Correlation(msgspec.Struct, frozen=True, kw_only=True, tag="correlation"):
    """A Sigma correlation, ready to be fed hits.

    Attributes:
        id, name, title, level, author, tags, revision, text, path: As a rule has them.
        kind: What is measured of a window's hits.
        rules: Ids or names of the rules and correlations whose hits count, as written.
        group_by: Fields whose values make a group; empty: one group.
        aliases: For an alias among them, the field it means, by rule.
        timespan_ms: Width of the window.
        bounds: What the measure has to satisfy, all of it; empty where there is an expression.
        expression: For a temporal kind, a boolean condition over rules instead.
        value_fields: Whose values are measured; several for value_count only.
        percentile: For value_percentile, which, 0 to 100 as decimal text; else empty.
        generate: Whether the rules that it names alert by themselves too.
    """

    id: str
    name: str
    title: str
    level: str
    author: str
    tags: tuple[str, ...]
    kind: Kind
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    timespan_ms: int
    bounds: tuple[Bound, ...]
    expression: Term | None = None
    value_fields: tuple[str, ...] = ()
    percentile: str = ""
    generate: bool
    revision: str
    text: str
    path: str = ""

    @property
    def is_decided_at_close(self) -> bool:
        """Whether only a whole window can tell: it may still grow beyond what is asked for."""
        if self.expression is not None:
            return self.expression.negates()
        return any(bound.operator not in _GROWING for bound in self.bounds)

    @property
    def timespan_us(self) -> int:
        """Width of the window in microseconds, the unit of event time."""
        return self.timespan_ms * 1_000


def compile_correlation(written: Mapping[str, object], *, revision: str, text: str) -> Correlation:
    """A correlation from its document.

    Raises:
        RuleRejected: It asks for what is not evaluated, or could never be true.
        sigma.exceptions.SigmaError: pySigma refuses it.
    """
    section = written.get("correlation")
    if not isinstance(section, dict):
        raise RuleRejected("correlation is a mapping of keys and values")
    condition = section.get("condition")
    parsed = SigmaCorrelationRule.from_dict({**written, "correlation": _for_pysigma(section)})
    kind: Kind = parsed.type.name.lower()  # type: ignore[assignment]
    if section.get("type") in _OWN:
        kind = section["type"]
    if kind not in get_args(Kind):
        raise RuleRejected(f"{kind} correlations are not evaluated")
    expression = parse(condition) if isinstance(condition, str) else None
    rules = tuple(str(reference.reference) for reference in parsed.rules or ())
    rules = _agreed(rules, expression)
    numbers = condition if isinstance(condition, dict) else {}
    found = Correlation(
        id=str(parsed.id) if parsed.id else str(uuid8(sha256(text.encode()).digest())),
        name=parsed.name or "",
        title=parsed.title,
        level=parsed.level.name.lower() if parsed.level else "medium",
        author=parsed.author or "",
        tags=tuple(str(tag) for tag in parsed.tags),
        kind=kind,
        rules=rules,
        group_by=tuple(parsed.group_by or ()),
        aliases=_aliases(parsed),
        timespan_ms=int(parsed.timespan.seconds) * 1_000,
        bounds=() if expression or kind in _OWN else tuple(_bounds(kind, rules, numbers)),
        expression=expression,
        value_fields=_value_fields(kind, numbers),
        percentile=_percentile(kind, numbers),
        generate=bool(parsed.generate),
        revision=revision,
        text=text,
    )
    _check_size(found)
    return found


def _for_pysigma(section: Mapping[str, object]) -> dict[str, object]:
    """The section with a condition that pySigma reads, since its own reading is not used."""
    if section.get("type") in TEMPORAL:
        plain = {key: value for key, value in section.items() if key != "condition"}
        if isinstance(section.get("condition"), str):
            plain.setdefault("rules", [])
        return plain
    condition = section.get("condition")
    if section.get("type") in _OWN:
        if condition is not None:
            raise RuleRejected(f"{section['type']} has no condition")
        return {**section, "type": "event_count", "condition": {"gte": 1}}
    if not isinstance(condition, dict):
        return dict(section)
    field = {"field": condition["field"]} if condition.get("field") else {}
    return {**section, "condition": {"gte": 1, **field}}


def _agreed(rules: tuple[str, ...], expression: Term | None) -> tuple[str, ...]:
    """The rules that a correlation names: listed, or in its expression, or in both alike."""
    if expression is None:
        if not rules:
            raise RuleRejected("the correlation names no rules")
        return rules
    named = tuple(dict.fromkeys(expression.rules()))
    if rules and set(rules) != set(named):
        odd = sorted(set(rules) ^ set(named))
        raise RuleRejected(f"rules and condition do not name the same: {', '.join(odd)}")
    return named


def _bounds(kind: Kind, rules: tuple[str, ...], condition: Mapping[str, object]) -> Iterator[Bound]:
    unknown = set(condition) - {*get_args(Operator), "field", "percentile"}
    if unknown:
        raise RuleRejected(f"the condition has unknown keys: {', '.join(map(str, unknown))}")
    operators = [key for key in condition if key in get_args(Operator)]
    if not operators and kind in TEMPORAL:
        yield Bound("gte", str(len(set(rules)) if kind == "temporal" else len(rules)))
    elif not operators:
        raise RuleRejected("the condition has none of gt, gte, lt, lte, eq, neq")
    for operator in operators:
        limit = condition[operator]
        number = None if isinstance(limit, bool) else number_of(str(limit))
        if number is None:
            raise RuleRejected(f"{operator}: {limit!r} is not a number")
        if kind in _COUNTS:
            _check_count(operator, number)
        yield Bound(operator, str(limit).strip())  # type: ignore[arg-type]


def _check_count(operator: str, number: Fraction) -> None:
    """A window begins with a hit: a count that asks for none is absence, which no hit shows."""
    least = {"gt": 0, "gte": 1, "lt": 2, "lte": 1, "eq": 1, "neq": 0}[operator]
    if operator == "eq" and number.denominator != 1:
        raise RuleRejected(f"eq: no count is {float(number)}")
    if operator == "gte" and 0 < number < 1:  # as good as 1
        return
    if not least <= number <= MAX_THRESHOLD:
        raise RuleRejected(
            f"{operator}: a count of {float(number):g} is not from {least} to {MAX_THRESHOLD}"
        )


def _value_fields(kind: Kind, condition: Mapping[str, object]) -> tuple[str, ...]:
    field = condition.get("field")
    fields = tuple(map(str, field if isinstance(field, list) else [field] if field else []))
    if kind in ("event_count", *_OWN, *TEMPORAL):
        if fields:
            raise RuleRejected(f"{kind} measures no field, and the condition names one")
    elif not fields:
        raise RuleRejected(f"the condition of {kind} names no field")
    elif len(fields) > 1 and kind != "value_count":
        raise RuleRejected(f"{kind} measures one field, and the condition names {len(fields)}")
    return fields


def _percentile(kind: Kind, condition: Mapping[str, object]) -> str:
    percentile = condition.get("percentile")
    if kind != "value_percentile":
        if percentile is not None:
            raise RuleRejected(f"{kind} has no percentile")
        return ""
    number = None if isinstance(percentile, bool) else number_of(str(percentile))
    if number is None or not 0 <= number <= 100:
        raise RuleRejected("value_percentile needs percentile, 0 to 100, in its condition")
    return str(percentile).strip()


def _aliases(parsed: SigmaCorrelationRule) -> dict[str, dict[str, str]]:
    return {
        alias.alias: {reference.reference: str(name) for reference, name in alias.mapping.items()}
        for alias in parsed.aliases
    }


def _check_size(found: Correlation) -> None:
    if len(found.rules) > MAX_RULES:
        raise RuleRejected(f"{len(found.rules)} rules, of which {MAX_RULES} are accepted")
    if len(found.group_by) + len(found.value_fields) > MAX_FIELDS:
        raise RuleRejected(f"more than {MAX_FIELDS} fields to group by and to measure")
