"""What is wrong or doubtful in rules: what the loader says of them, and pySigma's validators.

The validators are those of `sigma check`, but for two that fetch data from the network, as a check
says the same on a machine without one, and two about how SigmaHQ names its files.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args

import msgspec
import yaml
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError, SigmaRuleLocation
from sigma.rule import SigmaRule
from sigma.validation import SigmaValidator
from sigma.validators.base import SigmaValidationIssue
from sigma.validators.core import validator_classname_to_identifier, validators

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.rule_set import RuleSet

Severity = Literal["low", "medium", "high", "error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
LEFT_OUT = frozenset({"attacktag", "d3_fendtag", "duplicate_filename", "filename_length"})
_CHOSEN = [kind for name, kind in sorted(validators.items()) if name not in LEFT_OUT]
_STATED = frozenset({"rules", "severity", "description"})
_MAX_DETAIL_CHARS = 200
# What pySigma trips over where a document is odd in a way that our own reader takes.
_MISREAD = (ValueError, TypeError, AttributeError, KeyError, IndexError)


class RuleIssue(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be said about a rule.

    Attributes:
        path, line: Where; the line of what is meant, or else of the rule.
        severity: error: the rule is not evaluated, or not as written. The others are pySigma's:
            high: it cannot mean what it says; medium: it may mean something else; low: style.
        check: Which check says so: a validator's name, or ``load``.
        text: What it says.
    """

    path: str
    line: int
    severity: Severity
    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.text} ({self.check})"


def check(rule_set: RuleSet, *, at_least: Severity = "low") -> list[RuleIssue]:
    """The issues of rules and correlations, by path and line.

    Args:
        rule_set: As it was loaded.
        at_least: Leave out what is less severe.
    """
    found = [
        RuleIssue(path=one.path, line=one.line, severity="error", check="load", text=one.reason)
        for one in rule_set.problems
    ]
    every: Sequence[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
    found += _Validation(every).issues()
    least = SEVERITIES.index(at_least)
    kept = (one for one in found if SEVERITIES.index(one.severity) >= least)
    return sorted(kept, key=lambda one: (one.path, one.line, one.check, one.text))


class _Validation:
    """pySigma's validators over some rules; they remember names and ids from one to the next."""

    def __init__(self, rules: Iterable[Rule | Correlation]) -> None:
        self._rules = rules
        self._validator = SigmaValidator(_CHOSEN)
        self._written: dict[int, tuple[Rule | Correlation, int]] = {}
        self._texts: dict[str, str] = {}

    def issues(self) -> Iterator[RuleIssue]:
        parsed_rules = []  # kept, so that an identity is one rule's until all is said
        for rule in self._rules:
            line = self._line(rule)
            try:
                parsed = _parsed(rule, line)
                parsed_rules.append(parsed)
                self._written[id(parsed)] = (rule, line)
                issues = self._validator.validate_rule(parsed)  # type: ignore[arg-type]
            except (SigmaError, *_MISREAD) as error:
                text = f"pySigma does not read it, so its validators say nothing: {error}"
                yield RuleIssue(
                    path=rule.path, line=line, severity="low", check="pysigma", text=text
                )
                continue
            for issue in issues:
                yield from self._said(issue)
        for issue in self._validator.finalize():
            yield from self._said(issue)

    def _said(self, issue: SigmaValidationIssue) -> Iterator[RuleIssue]:
        """An issue, once for each rule that it is about."""
        details = _details(issue)
        said = ", ".join(f"{name}: {value}" for name, value in details.items())
        name = type(issue).__name__.removesuffix("Issue") + "Validator"
        severity: Severity = issue.severity.name.lower()  # type: ignore[assignment]
        for parsed in issue.rules:
            rule, line = self._written[id(parsed)]
            yield RuleIssue(
                path=rule.path,
                line=line + _offset(rule.text, details.values()),
                severity=severity,
                check=validator_classname_to_identifier(name),
                text=f"{issue.description.rstrip('.')}{f' [{said}]' if said else ''}",
            )

    def _line(self, rule: Rule | Correlation) -> int:
        """Where a rule's document begins in its file."""
        if rule.path not in self._texts:
            try:
                self._texts[rule.path] = Path(rule.path).read_text()
            except (OSError, UnicodeDecodeError):  # gone since it was loaded
                self._texts[rule.path] = ""
        text = self._texts[rule.path]
        return 1 + text.count("\n", 0, max(text.find(rule.text.rstrip()), 0))


def _parsed(rule: Rule | Correlation, line: int) -> SigmaRule | SigmaCorrelationRule:
    """A rule as pySigma alone reads it; its text was found to be sound YAML when it was loaded."""
    written = yaml.load(rule.text, yaml.CSafeLoader)
    source = SigmaRuleLocation(Path(rule.path), line)
    if isinstance(rule, Correlation):
        return SigmaCorrelationRule.from_dict(written, source=source)
    return SigmaRule.from_dict(written, source=source)


def _details(issue: SigmaValidationIssue) -> Mapping[str, str]:
    """What an issue says besides its description."""
    values = {one.name: getattr(issue, one.name) for one in fields(issue)}
    return {
        name: str(value)[:_MAX_DETAIL_CHARS]
        for name, value in values.items()
        if name not in _STATED and value is not None
    }


def _offset(text: str, details: Iterable[str]) -> int:
    """The line, from 0, that speaks of a detail; the first line if none does."""
    for detail in details:
        stripped = detail.strip("*")  # pySigma writes a modifier as wildcards
        at = text.find(stripped) if len(stripped) > 2 else -1
        if at >= 0:
            return text.count("\n", 0, at)
    return 0
