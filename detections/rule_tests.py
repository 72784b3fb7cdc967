"""Rule tests beside rules: the events that a rule must and must not alert on, and why one fails.

``NAME.tests.yml`` holds the tests of the rules in ``NAME.yml``. They are decided by the detector of
the live worker, on times of their own: the same files give the same answers anywhere. A file that
cannot be read is a problem with its line and hides no other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from detections.alerting import alert_of_firing
from detections.correlation.chain import Chain
from detections.correlation.limits import Limits
from detections.detector import Detected, Detector
from detections.errors import RuleProblem, RuleTestsInvalid
from detections.explain import Explanation, deciding, explain
from detections.log_source import KEYS, EventSources, LogSource, sources_of
from detections.rule_set import MAX_FILE_BYTES, TESTS_SUFFIXES, RuleSet, load, rule_files
from detections.rule_test_cases import RuleTest, read_tests
from detections.settings import DetectionSettings
from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.event import Event

_MAX_REASONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestFailure:
    """A case that ended otherwise than it must.

    Attributes:
        test: The case.
        reason: What happened.
        why: What decided it, a line each, as ``explain`` says it.
    """

    test: RuleTest
    reason: str
    why: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.test.path}:{self.test.line}: {self.test.name}: {self.reason}"
        return "\n".join([head, *(f"    {line}" for line in self.why)])


@dataclass(slots=True)
class RuleTestRun:
    """What became of the tests of some rules.

    Attributes:
        passed: How many cases ended as they must.
        failures: The others.
        problems: Files of tests, or rules under test, that cannot be used.
        untested: Rule files without tests.
    """

    passed: int = 0
    failures: list[RuleTestFailure] = field(default_factory=list)
    problems: list[RuleProblem] = field(default_factory=list)
    untested: list[Path] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return not self.failures and not self.problems


Loader = Callable[[Sequence[Path]], RuleSet]


def run_tests(paths: Iterable[Path], loader: Loader = load) -> RuleTestRun:
    """Run the tests beside the rules of directories and files.

    Args:
        paths: Directories, rule files or files of tests; one that is not there is a problem.
        loader: How the product loads rules.
    """
    run = RuleTestRun()
    for path in paths:
        if not path.exists():
            problem = RuleProblem(path=str(path), line=1, reason="there is no such file")
            run.problems.append(problem)
        for rule_file, tests in _pairs(path):
            if tests is None:
                run.untested.append(rule_file)
            else:
                _run_file(rule_file, tests, loader, run)
    return run


def failure_of(test: RuleTest, rule_set: RuleSet) -> RuleTestFailure | None:
    """Why a case failed; None if it did not."""
    events = list(test.events())
    alerts = _alerts(rule_set, events)
    if bool(alerts) == test.must_match:
        return None
    if test.must_match:
        why = tuple(islice(_why_silent(rule_set, events), _MAX_REASONS))
        return RuleTestFailure(test=test, reason="no alert, though there has to be one", why=why)
    why = tuple(islice(_why_alert(rule_set, events, alerts[0]), _MAX_REASONS))
    reason = f"an alert of {alerts[0].rule_title!r}, though there must be none"
    return RuleTestFailure(test=test, reason=reason, why=why)


def _pairs(path: Path) -> Iterator[tuple[Path, Path | None]]:
    """Rule files and the tests beside them."""
    for found in rule_files(path):
        if found.name.endswith(TESTS_SUFFIXES):
            yield _rule_of(found), found
        else:
            beside = (found.with_name(found.stem + end) for end in TESTS_SUFFIXES)
            yield found, next((tests for tests in beside if tests.exists()), None)
    for tests in sorted(path.rglob("*.tests.y*ml")) if path.is_dir() else ():
        if not (rule := _rule_of(tests)).exists():
            yield rule, tests


def _rule_of(tests: Path) -> Path:
    """The rule file beside a file of tests, whether or not it is there."""
    name = tests.name.rpartition(".tests.")[0]
    longer = tests.with_name(name + ".yaml")
    return longer if longer.exists() else tests.with_name(name + ".yml")


def _run_file(rule_file: Path, tests: Path, loader: Loader, run: RuleTestRun) -> None:
    try:
        if not rule_file.exists():
            raise RuleTestsInvalid(1, f"there is no {rule_file.name} beside it")
        size = tests.stat().st_size
        if size > MAX_FILE_BYTES:
            raise RuleTestsInvalid(1, f"{size} bytes, of which {MAX_FILE_BYTES} are accepted")
        found = read_tests(tests.read_bytes().decode(), str(tests))
    except (OSError, UnicodeDecodeError) as error:
        run.problems.append(RuleProblem(path=str(tests), line=1, reason=f"cannot be read: {error}"))
        return
    except RuleTestsInvalid as error:
        run.problems.append(RuleProblem(path=str(tests), line=error.line, reason=str(error)))
        return
    rule_set = loader([rule_file])
    run.problems.extend(one for one in rule_set.problems if one not in run.problems)
    if any(problem.path == str(rule_file) for problem in rule_set.problems):
        return
    for test in found:
        failure = failure_of(test, rule_set)
        if failure is None:
            run.passed += 1
        else:
            run.failures.append(failure)


def _alerts(rule_set: RuleSet, events: Sequence[Event]) -> list[Alert]:
    """What the detector says of the events, each received when it happened."""
    detector, found = Detector(rule_set, DetectionSettings()), Detected()
    for number, event in enumerate(events):
        position = EventPosition(
            id=event.id, topic="test", partition=0, offset=number, time=event.time
        )
        detector.detect(event, position, found, observed_time=event.time)
    chain = Chain(detector.links, Limits(), lateness_us=0)
    chain.observe(found.hits)
    fired = (alert_of_firing(one, observed_time=events[-1].time) for one in chain.flush())
    return [*found.alerts, *fired]


def _why_silent(rule_set: RuleSet, events: Sequence[Event]) -> Iterator[str]:
    """Of each rule, why the first event that it does not match is none of its."""
    for rule in rule_set.rules:
        raw = events[0].raw.decode("utf-8", "replace")
        explained = [explain(rule, event.fields, raw) for event in events]
        matching = sum(one.matches for one in explained)
        if rule_set.correlations:
            yield f"{rule.title}: {matching} of {len(events)} events match"
        first = next((at for at, one in enumerate(explained) if not one.matches), None)
        if first is None:
            continue
        if explained[first].log_source_holds:
            yield from map(_said, deciding(explained[first].condition))
        else:
            sources = sources_of(events[first].fields)
            yield f"{rule.title} is for {_wanted(rule.log_source)}, the event {_given(sources)}"
    for correlation in rule_set.correlations:
        yield f"{correlation.title}: its condition was not reached"


def _why_alert(rule_set: RuleSet, events: Sequence[Event], alert: Alert) -> Iterator[str]:
    """What held when the first alert was raised."""
    event = next((one for one in events if one.id == alert.events[-1].id), events[-1])
    raw = event.raw.decode("utf-8", "replace")
    for correlation in rule_set.correlations:
        if correlation.id == alert.rule_id:
            group = ", ".join(f"{name}={value}" for name, value in sorted(alert.group.items()))
            of = f" of {group}" if group else ""
            yield f"its condition was reached by {alert.event_count} events{of}"
    for rule in rule_set.rules:
        explained = explain(rule, event.fields, raw)
        if explained.matches:
            yield from map(_said, deciding(explained.condition))


def _said(item: Explanation) -> str:
    seen = "missing" if item.seen is None else repr(item.seen)
    verdict = "holds" if item.holds else "does not hold"
    return f"{item.field or 'a keyword'} {item.test}: {verdict}; it is {seen}"


def _wanted(source: LogSource) -> str:
    parts = zip(KEYS, (source.product, source.category, source.service), strict=True)
    return ", ".join(f"{key}={value}" for key, value in parts if value)


def _given(sources: EventSources) -> str:
    known = zip(KEYS, (sources.products, sources.categories, sources.services), strict=True)
    said = ", ".join(f"{key}={'|'.join(sorted(values))}" for key, values in known if values)
    return f"is of {said}" if said else "says nothing of its log source"
