"""Rules in other systems' query languages, by the pySigma backends that are installed.

Backends are packages of their own (``pysigma-backend-splunk``); none comes with Tocsin. A rule that
a backend cannot express is a problem and hides no other. What a query means is the backend's word:
our own SQL (``detections.hunt``) is another matter.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sigma.collection import SigmaCollection
from sigma.conversion.base import Backend
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError, SigmaRuleLocation
from sigma.rule import SigmaRule

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.errors import BackendUnusable, RuleProblem
from detections.processing import Processing
from detections.rule_set import RuleSet

# Packages of well-known targets whose name is not pysigma-backend-TARGET.
_PACKAGES: Mapping[str, str] = {
    "eql": "pysigma-backend-elasticsearch",
    "esql": "pysigma-backend-elasticsearch",
    "elastalert": "pysigma-backend-elasticsearch",
    "lucene": "pysigma-backend-elasticsearch",
    "log_scale": "pysigma-backend-crowdstrike",
    "opensearch_lucene": "pysigma-backend-opensearch",
    "opensearch_ppl": "pysigma-backend-opensearch",
    "qradar": "pysigma-backend-qradar-aql",
    "splunk_spl2": "pysigma-backend-splunk",
}
# What a backend may raise besides pySigma's own errors; a rule that meets it is not converted.
_FAILED = (SigmaError, NotImplementedError, ValueError, TypeError, AttributeError, LookupError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Rules in another language.

    Attributes:
        output: As the format has it: a query each, or one document.
        rules: How many rules and correlations are in it.
        problems: Those that are not, and why.
    """

    output: tuple[str, ...]
    rules: int
    problems: tuple[RuleProblem, ...]


def convert(
    rule_set: RuleSet,
    target: str,
    *,
    output_format: str = "default",
    processing: Processing,
) -> Conversion:
    """The rules and correlations of a set for a target, in order of their files.

    Args:
        rule_set: As it was loaded; filters are not applied.
        target: A backend's name.
        output_format: One of the backend's.
        processing: The pipelines to apply, beside the backend's own.

    Raises:
        BackendUnusable: It is not installed, or has no such format.
    """
    backend = _backend(target, output_format, processing)
    queries: list[object] = []
    problems = [*rule_set.problems, *processing.problems]
    converted = 0
    for path, rules in _by_file(rule_set).items():
        try:
            parsed = _collection(path, rules)
        except _FAILED as error:
            problems.append(RuleProblem(path=path, line=1, reason=str(error)))
            continue
        for rule in parsed.rules:
            try:
                queries += _converted(backend, rule, output_format)
                converted += 1
            except _FAILED as error:
                problems.append(_problem(path, rule, error))
    return Conversion(
        output=_finalized(backend, queries, output_format),
        rules=converted,
        problems=tuple(problems),
    )


def backends() -> dict[str, type[Backend]]:
    """The backends of installed packages by name; imports these packages."""
    from sigma.plugins import InstalledSigmaPlugins  # half a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two packages with one name: the first counts
        found = InstalledSigmaPlugins.autodiscover(
            include_pipelines=False, include_validators=False
        )
    return dict(sorted(found.backends.items()))  # type: ignore[arg-type]


def _backend(target: str, output_format: str, processing: Processing) -> Backend:
    found = backends()
    if target not in found:
        package = _PACKAGES.get(target, f"pysigma-backend-{target.replace('_', '-')}")
        known = ", ".join(found) or "none"
        raise BackendUnusable(
            f"No backend {target!r} is installed (installed: {known})."
            f" It comes with the package {package}."
        )
    formats = found[target].formats
    if output_format not in formats:
        raise BackendUnusable(
            f"The backend {target!r} has no format {output_format!r}; it has {', '.join(formats)}."
        )
    backend = found[target](processing_pipeline=processing.pipeline)
    backend.init_processing_pipeline(output_format)
    return backend


def _by_file(rule_set: RuleSet) -> dict[str, list[Rule | Correlation]]:
    found: dict[str, list[Rule | Correlation]] = {}
    every: Sequence[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
    for rule in sorted(every, key=lambda rule: rule.path):
        found.setdefault(rule.path, []).append(rule)
    return found


def _collection(path: str, rules: Sequence[Rule | Correlation]) -> SigmaCollection:
    """A file's rules; their texts were found to be sound YAML when they were loaded."""
    written: list[Any] = [yaml.load(rule.text, yaml.CSafeLoader) for rule in rules]
    return SigmaCollection.from_dicts(written, source=SigmaRuleLocation(Path(path)))


def _converted(
    backend: Backend, rule: SigmaRule | SigmaCorrelationRule, output_format: str
) -> list[Any]:
    if isinstance(rule, SigmaRule):
        return backend.convert_rule(rule, output_format)
    return backend.convert_correlation_rule(rule, output_format)


def _finalized(backend: Backend, queries: list[object], output_format: str) -> tuple[str, ...]:
    found = backend.finalize(queries, output_format)
    parts = found if isinstance(found, list) else [found]
    return tuple(
        part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts
    )


def _problem(path: str, rule: SigmaRule | SigmaCorrelationRule, error: Exception) -> RuleProblem:
    return RuleProblem(
        path=path,
        line=1,
        reason=f"{rule.title}: {str(error) or type(error).__name__}",
        rule_id=str(rule.id or ""),
        title=rule.title,
    )
