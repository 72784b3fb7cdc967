"""Rule tests as they are written: the cases of one file of them. Pure.

A case says which events must, or must not, lead to an alert. YAML that would be huge, or say a
thing twice, is refused before it is read; what cannot be meant is said with its line.

Format: docs/howto/test-rules.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import yaml

from detections.errors import RuleTestsInvalid
from detections.log_source import KEYS
from pipeline.schema.event import Event, Kind, Value
from pipeline.schema.fields import with_ecs

MAX_TESTS = 1_000
MAX_EVENTS = 10_000
MAX_EVERY_SECONDS = 31 * 86_400
_MAX_NODES = 200_000
_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_KEYS = frozenset({"logsource", "match", "no_match"})
_CASE_KEYS = frozenset({"name", "event", "raw", "times", "every", "vary"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """One case of a file of tests.

    Attributes:
        path, line: Where it is written.
        name: As written, or which one it is: ``match 2``.
        must_match: Whether there has to be an alert.
        fields: Of every event; what ``vary`` names is replaced.
        raw: The message of every event; keywords are looked for in it.
        times: How many events.
        every_seconds: How much later each is than the one before.
        vary: Values that a field takes in turn, event by event.
    """

    path: str
    line: int
    name: str
    must_match: bool
    fields: Mapping[str, Value]
    raw: str = ""
    times: int = 1
    every_seconds: float = 0.0
    vary: Mapping[str, Sequence[Value]] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        """The events, in order; from noon of a fixed day on."""
        for number in range(self.times):
            varied = {name: values[number % len(values)] for name, values in self.vary.items()}
            time = _NOON + timedelta(seconds=number * self.every_seconds)
            yield Event(
                id=f"018f0000-0000-7000-8000-{number:012}",
                kind=Kind.LOG,
                time=time,
                observed_time=time,
                source="test",
                fields=with_ecs({**self.fields, **varied}),
                raw=self.raw.encode("utf-8", "surrogatepass"),
            )


def read_tests(text: str, path: str = "") -> list[RuleTest]:
    """The cases of a file of tests, in order.

    Raises:
        RuleTestsInvalid: Nothing of it is used.
    """
    document = _composed(text)
    try:
        written = yaml.constructor.SafeConstructor().construct_document(document)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise RuleTestsInvalid(1, f"not YAML: {error}") from error
    found = _mapping(written, _KEYS, 1, "a file of tests")
    source = _log_source(found.get("logsource") or {}, _line(document, "logsource"))
    tests: list[RuleTest] = []
    for key in ("match", "no_match"):
        cases, lines = found.get(key) or [], _lines(document, key)
        if not isinstance(cases, list) or len(cases) != len(lines):
            raise RuleTestsInvalid(_line(document, key), f"{key} is a list of cases")
        for number, (case, line) in enumerate(zip(cases, lines, strict=True), 1):
            if len(tests) == MAX_TESTS:
                raise RuleTestsInvalid(line, f"more than {MAX_TESTS} cases")
            tests.append(_case(case, source, path, line, f"{key} {number}", key == "match"))
    if not tests:
        raise RuleTestsInvalid(1, "neither match nor no_match has a case")
    return tests


def _composed(text: str) -> yaml.Node:
    """The one document of a file, not larger than it looks.

    Raises:
        RuleTestsInvalid: Not YAML, a key twice, or huge once its aliases are written out.
    """
    try:
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise RuleTestsInvalid(mark.line + 1 if mark else 1, f"not YAML: {reason}") from error
    if document is None:
        raise RuleTestsInvalid(1, "the file is empty")
    left, open_nodes = _MAX_NODES, [document]
    while open_nodes:
        node, left = open_nodes.pop(), left - 1
        if left < 0:
            raise RuleTestsInvalid(1, f"more than {_MAX_NODES} YAML nodes, aliases written out")
        if isinstance(node, yaml.SequenceNode):
            open_nodes.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise RuleTestsInvalid(node.start_mark.line + 1, f"{twice!r} stands twice")
            open_nodes.extend(value for _, value in node.value)
    return document


def _value_node(document: yaml.Node, key: str) -> yaml.Node | None:
    pairs = document.value if isinstance(document, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _line(document: yaml.Node, key: str) -> int:
    node = _value_node(document, key)
    return node.start_mark.line + 1 if node is not None else 1


def _lines(document: yaml.Node, key: str) -> list[int]:
    """Where each case of a list begins."""
    node = _value_node(document, key)
    cases = node.value if isinstance(node, yaml.SequenceNode) else ()
    return [case.start_mark.line + 1 for case in cases]


def _case(
    written: object, source: Mapping[str, Value], path: str, line: int, name: str, must_match: bool
) -> RuleTest:
    case = _mapping(written, _CASE_KEYS, line, "a case")
    event = case.get("event") or {}
    raw = case.get("raw", "")
    if not isinstance(event, dict) or not isinstance(raw, str) or not (event or raw):
        raise RuleTestsInvalid(line, "a case has an event, a mapping of fields, or a raw line")
    times, every = case.get("times", 1), case.get("every", 0)
    if not isinstance(times, int) or times is True or not 1 <= times <= MAX_EVENTS:
        raise RuleTestsInvalid(
            line, f"times is a whole number from 1 to {MAX_EVENTS}, not {times!r}"
        )
    if not isinstance(every, int | float) or not 0 <= every <= MAX_EVERY_SECONDS:
        raise RuleTestsInvalid(
            line, f"every is seconds from 0 to {MAX_EVERY_SECONDS}, not {every!r}"
        )
    vary = case.get("vary") or {}
    if not isinstance(vary, dict) or not all(isinstance(v, list) and v for v in vary.values()):
        raise RuleTestsInvalid(line, "vary gives fields lists of values")
    return RuleTest(
        path=path,
        line=line,
        name=str(case.get("name") or name),
        must_match=must_match,
        fields={**_fields(event, line), **source},
        raw=raw,
        times=times,
        every_seconds=float(every),
        vary={str(key): [_value(key, one, line) for one in values] for key, values in vary.items()},
    )


def _log_source(written: object, line: int) -> dict[str, Value]:
    source = _mapping(written, frozenset(KEYS), line, "logsource")
    return {f"logsource.{key}": _value(key, value, line) for key, value in source.items()}


def _fields(event: Mapping[object, object], line: int) -> dict[str, Value]:
    return {str(name): _value(name, value, line) for name, value in event.items()}


def _value(name: object, value: object, line: int) -> Value:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return value
    raise RuleTestsInvalid(
        line, f"{name} is neither a text, a number, true, false nor a list of such"
    )


def _mapping(written: object, keys: frozenset[str], line: int, what: str) -> dict[str, object]:
    if not isinstance(written, dict):
        raise RuleTestsInvalid(line, f"{what} is a mapping of keys and values")
    unknown = [key for key in written if key not in keys]
    if unknown:
        raise RuleTestsInvalid(
            line, f"{what} has no {unknown[0]!r}; it has {', '.join(sorted(keys))}"
        )
    return written
