"""A rule's text with the evidence beside the lines that it belongs to. Pure.

An explanation speaks of fields and tests; the text has lines. A line that names a field bears
what was seen there; a line of a list bears it if its own text is part of what was seen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from detections.explain import Explanation
from pipeline.schema.event import Value

_KEY = re.compile(
    r"^(?P<indent>\s*(?:- )?)(?P<key>[^\s:#'\"\-][^:#]*?|'[^']+'|\"[^\"]+\")\s*:(?P<rest>\s.*|)$"
)
_ITEM = re.compile(r"^(?P<indent>\s*- )(?P<value>.*)$")
_QUOTED = re.compile(r'"(.*)"', re.DOTALL)
_HEADS: tuple[str, ...] = (
    "title",
    "id",
    "related",
    "status",
    "description",
    "references",
    "author",
    "date",
)
_HEADS += ("modified", "license", "falsepositives")
MAX_EVIDENCE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a rule as it is shown.

    Attributes:
        number: Counted from 1; of the first line for a fold.
        indent, key, value: The line in parts, so that each can be coloured.
        kind: ``hit`` matched, ``miss`` tried and did not, ``fold`` stands for lines that are
            not shown, empty for the rest.
        evidence: What was seen; for a fold, how many lines it stands for.
    """

    number: int
    indent: str = ""
    key: str = ""
    value: str = ""
    kind: str = ""
    evidence: str = ""


def annotate(
    text: str, explanations: Sequence[Explanation], facts: Mapping[str, str]
) -> tuple[Line, ...]:
    """The lines of a rule, those of its head folded.

    Args:
        text: The YAML document.
        explanations: What became of its condition, or of those it counts; may be empty.
        facts: Evidence for other keys, for example ``group-by`` of a correlation.
    """
    items = [item for found in explanations for item in _items(found)]
    lines = []
    field, head = "", False
    for number, written in enumerate(text.strip().splitlines(), 1):
        key = _KEY.match(written)
        if key is not None and not written[:1].isspace():
            head = key["key"] in _HEADS and key["key"] != "title"
        if head:
            lines.append(Line(number=number, kind="fold"))
            continue
        line, field = _line(number, written, field, items, facts)
        lines.append(line)
    return tuple(_folded(lines))


def _line(
    number: int,
    written: str,
    field: str,
    items: Sequence[Explanation],
    facts: Mapping[str, str],
) -> tuple[Line, str]:
    """One line, and the field that list lines below it belong to."""
    key = _KEY.match(written)
    if key is not None:
        name = key["key"].strip("'\"")
        field = name.split("|")[0].strip()
        kind, evidence = _of_field(field, key["rest"].strip().strip("'\""), items)
        if name in facts:
            kind, evidence = "hit", facts[name]
        line = Line(
            number=number,
            indent=key["indent"],
            key=key["key"],
            value=key["rest"],
            kind=kind,
            evidence=evidence,
        )
        return line, field
    item = _ITEM.match(written)
    if item is None:
        return Line(number=number, value=written), field
    kind, evidence = _of_value(field, item["value"].strip().strip("'\""), items)
    return (
        Line(
            number=number,
            indent=item["indent"],
            value=item["value"],
            kind=kind,
            evidence=evidence,
        ),
        field,
    )


def _of_field(field: str, literal: str, items: Sequence[Explanation]) -> tuple[str, str]:
    """What a line ``field: value`` shows; a line that only opens a list shows nothing.

    Where selections ask the same field for different values, each line speaks of its own; only
    values that no test repeats as they are written (a list in brackets) speak of any of them.
    """
    of_field = [item for item in items if item.field == field]
    if not of_field or not literal:
        return "", ""
    tried = [item for item in of_field if _demands(item.test, literal)] or of_field
    held = next((item for item in tried if item.holds), None)
    if held is not None:
        return "hit", _seen(held.seen)
    return "miss", f"did not match: {_seen(tried[0].seen)}"


def _of_value(field: str, literal: str, items: Sequence[Explanation]) -> tuple[str, str]:
    """What a line of a list shows: only the value that held."""
    for item in items:
        mine = item.field == field or item.field is None
        if item.holds and mine and literal and _demands(item.test, literal):
            return "hit", _seen(item.seen)
    return "", ""


def _demands(test: str, literal: str) -> bool:
    """Whether a test in words is the one that a literal of the rule asks for."""
    quoted = _QUOTED.search(test)
    if quoted is not None:
        return _plain(quoted[1]) == _plain(literal)
    return _plain(literal) in _plain(test)


def _plain(text: str) -> str:
    """A literal and a test in words, comparable: without wildcards, escapes and case."""
    return re.sub(r"[*\\]", "", text).lower()


def _seen(value: Value | None) -> str:
    if value is None:
        return "the event has no such field"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= MAX_EVIDENCE else text[: MAX_EVIDENCE - 1] + "…"


def _items(found: Explanation) -> Iterator[Explanation]:
    """The items of a condition, in its order."""
    if found.kind == "item":
        yield found
    for below in found.nodes:
        yield from _items(below)


def _folded(lines: Sequence[Line]) -> Iterator[Line]:
    """Runs of lines that are not shown as one that says how many they are."""
    run = 0
    for index, line in enumerate(lines):
        if line.kind != "fold":
            yield line
            continue
        run += 1
        following = lines[index + 1].kind if index + 1 < len(lines) else ""
        if following != "fold":
            noun = "line" if run == 1 else "lines"
            yield Line(number=line.number - run + 1, kind="fold", evidence=f"{run} {noun} about it")
            run = 0
