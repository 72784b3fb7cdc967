"""A Sigma document as pySigma's rule, with modifiers and pipelines applied. Pure.

pySigma reads what is around the detections; the detections are put together here, so that all of
the specification's modifiers are there (``detections.modifiers``) and what pySigma would misread is
refused. Then the user's processing pipelines change the rule as they would for any backend.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sigma.modifiers import (
    SigmaCIDRModifier,
    SigmaExpandModifier,
    SigmaRegularExpressionModifier,
)
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections, SigmaRule
from sigma.types import SigmaString, SigmaType, sigma_type

from detections.errors import RuleRejected
from detections.log_source import LogSource
from detections.modifiers import AnyModifier, modifiers_with, whole_number_wanted
from detections.processing import Processing

# Stands in while pySigma reads the rest of a rule.
_NO_DETECTION = {"any": "*", "condition": "any"}
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRule:
    """A rule as pySigma has it.

    Attributes:
        rule: The rule, ready to be compiled.
        written_source: The log source as written; the rule's own may be a pipeline's.
        is_processed: Whether placeholders or pipelines may have changed what it means.
    """

    rule: SigmaRule
    written_source: LogSource
    is_processed: bool


def parse_rule(written: Mapping[str, object], processing: Processing) -> ParsedRule:
    """A rule from its document.

    Raises:
        RuleRejected: A detection cannot be evaluated as written.
        sigma.exceptions.SigmaError: pySigma or a pipeline refuses it.
    """
    detection = written.get("detection")
    if not isinstance(detection, Mapping):
        raise RuleRejected("a rule has a detection, which is a mapping")
    parsed = SigmaRule.from_dict({**written, "detection": _NO_DETECTION})
    reader = _Reader(processing)
    parsed.detection = reader.detections(detection)
    source = source_of(parsed)
    processed = reader.has_expanded
    if processing.pipeline is not None:
        processing.pipeline.apply(parsed)
        processed = processed or any(processing.pipeline.applied)
    return ParsedRule(rule=parsed, written_source=source, is_processed=processed)


def source_of(rule: SigmaRule) -> LogSource:
    """The log source of a rule, in lower case.

    Raises:
        RuleRejected: It names nothing.
    """
    source = rule.logsource
    if not (source.product or source.category or source.service):
        raise RuleRejected("logsource names no product, category or service")
    parts = (source.product, source.category, source.service)
    return LogSource(*(part.lower() if part else None for part in parts))


class _Reader:
    """Makes pySigma's detections from those of a document."""

    def __init__(self, processing: Processing) -> None:
        self._modifiers = modifiers_with(processing.placeholders)
        self._has_values = bool(processing.placeholders)
        self.has_expanded = False

    def detections(self, written: Mapping[object, object]) -> SigmaDetections:
        """Named detections and the condition, which may be several."""
        given = written.get("condition")
        listed = given if isinstance(given, list) else [given]
        conditions = [one for one in listed if one and isinstance(one, str)]
        if not conditions or len(conditions) < len(listed):
            raise RuleRejected("condition: a detection has one, or a list of them")
        return SigmaDetections(
            {
                str(name): self._detection(value, _MAX_DEPTH)
                for name, value in written.items()
                if name != "condition"
            },
            conditions,
        )

    def _detection(self, written: object, depth: int) -> SigmaDetection:
        if not depth:
            raise RuleRejected(f"lists nested deeper than {_MAX_DEPTH} levels")
        if isinstance(written, Mapping):
            return SigmaDetection([self._item(key, value) for key, value in written.items()])
        if isinstance(written, list) and any(isinstance(one, Mapping | list) for one in written):
            return SigmaDetection([self._detection(one, depth - 1) for one in written])
        return SigmaDetection([self._item(None, written)])

    def _item(self, key: object, value: object) -> SigmaDetectionItem:
        field, *names = str("" if key is None else key).split("|")
        modifiers = self._named(names, str(key))
        values = [_value(one, modifiers) for one in (value if isinstance(value, list) else [value])]
        if self._has_values and any(issubclass(one, SigmaExpandModifier) for one in modifiers):
            self.has_expanded = True
        return SigmaDetectionItem(field or None, modifiers, values)

    def _named(self, names: Sequence[str], key: str) -> list[AnyModifier]:
        """The modifiers of those names, ``expand`` before a ``cidr``."""
        unknown = [name for name in names if name not in self._modifiers]
        if unknown:
            raise RuleRejected(
                f"{key!r} has the modifier {unknown[0]!r}, which Sigma does not know"
            )
        found = [self._modifiers[name] for name in names]
        if any(issubclass(one, SigmaCIDRModifier) for one in found):
            found.sort(key=lambda one: not issubclass(one, SigmaExpandModifier))
        return found


def _value(written: object, modifiers: Sequence[AnyModifier]) -> SigmaType:
    if isinstance(written, date) and not isinstance(written, datetime):
        written = written.isoformat()  # YAML makes a date of it, the event has its text
    if isinstance(written, float) and any(map(whole_number_wanted, modifiers)):
        raise RuleRejected(f"{written} is no part of a date, which is a whole number")
    if SigmaRegularExpressionModifier in modifiers:
        if isinstance(written, bool) or not isinstance(written, str | int):
            raise RuleRejected(f"{written!r} is no regular expression")
        return SigmaString.from_str(str(written))
    if written is not None and not isinstance(written, str | int | float):
        raise RuleRejected(f"{type(written).__name__} is no value; quote {str(written)[:60]!r}")
    return sigma_type(written)
