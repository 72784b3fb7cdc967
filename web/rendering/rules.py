"""The rules as they are listed and shown: the list's address, its rows, a rule's text. Pure."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import yaml

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.rule_set import SHIPPED_RULES, RuleSet
from pipeline.schema.alert import LEVELS
from web.rendering.evidence import Line
from web.rulebook import Switch

STATES = ("all", "fired", "on", "off", "problems")
ROWS = 100
_KEY = re.compile(r"^(?P<indent>\s*(?:- )?)(?P<key>[\w.|'\"*-]+):(?P<rest>\s.*|)$")
_MAX_LISTED = 40
_NEVER: tuple[int, datetime | None] = (0, None)
_SHIPPED = f"{SHIPPED_RULES}{os.sep}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesAddress:
    """What the address of the list holds; each control of it is a link to another one.

    Attributes:
        state: One of ``STATES``.
        q: Words that title, id, tags, author, file or log source hold, all of them.
        level: One of ``LEVELS``; empty for any.
        product: Of the log source; empty for any.
        page: Counted from 1.
    """

    state: str = "all"
    q: str = ""
    level: str = ""
    product: str = ""
    page: int = 1

    def link(self, **changes: str | int) -> str:
        """The address of this list with some of it changed; its page begins anew."""
        values = {name: getattr(self, name) for name in self.__slots__} | {"page": 1} | changes
        defaults = {name: getattr(RulesAddress(), name) for name in self.__slots__}
        query = urlencode({name: text for name, text in values.items() if text != defaults[name]})
        return f"/rules?{query}" if query else "/rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule or a correlation in the list.

    Attributes:
        log_source: In one line; for a correlation, what it counts.
        product: Of the log source; empty if it names none.
        is_shipped: Whether it came with Tocsin; else a site's own.
        file: Below the directory of shipped rules, or as it is.
        alerts: In the range that was asked for; None if nobody knows.
        last: Time of the newest of them.
    """

    id: str
    title: str
    level: str
    author: str
    tags: tuple[str, ...]
    log_source: str
    product: str
    file: str
    is_shipped: bool
    switch: Switch
    alerts: int | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """A page of rows, and what the controls around it need.

    Attributes:
        rows: At most ``ROWS``.
        found: How many rows all pages hold.
        pages: How many pages there are, at least 1.
        counts: How many rows each state would show, the other filters as they are.
        products: Every product that a rule names.
    """

    rows: tuple[RuleRow, ...]
    found: int
    pages: int
    page: int
    counts: Mapping[str, int]
    products: tuple[str, ...]


def rule_rows(
    rule_set: RuleSet,
    switches: Mapping[str, Switch],
    firings: Mapping[str, tuple[int, datetime]] | None,
) -> list[RuleRow]:
    """Every rule and correlation.

    Args:
        switches: What was decided, by rule id; who is not named is on.
        firings: How often rules fired and when last; who is not named never did. None if nobody
            knows.
    """
    every: list[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
    return [_row(rule, switches, firings) for rule in every]


def _row(
    rule: Rule | Correlation,
    switches: Mapping[str, Switch],
    firings: Mapping[str, tuple[int, datetime]] | None,
) -> RuleRow:
    file, is_shipped = file_of(rule.path)
    alerts, last = (None, None) if firings is None else firings.get(rule.id, _NEVER)
    return RuleRow(
        id=rule.id,
        title=rule.title,
        level=rule.level,
        author=rule.author,
        tags=rule.tags,
        log_source=log_source_text(rule),
        product=(rule.log_source.product or "") if isinstance(rule, Rule) else "",
        file=file,
        is_shipped=is_shipped,
        switch=switches.get(rule.id) or Switch(rule_id=rule.id),
        alerts=alerts,
        last=last,
    )


def file_of(path: str) -> tuple[str, bool]:
    """A rule's file as it is shown, and whether it came with Tocsin.

    >>> file_of(str(SHIPPED_RULES / "linux" / "a.yml")), file_of("/srv/rules/b.yml")
    (('linux/a.yml', True), ('/srv/rules/b.yml', False))
    """
    below = path.removeprefix(_SHIPPED)
    return below, below != path


def log_source_text(rule: Rule | Correlation) -> str:
    """What a rule is meant for, in one line."""
    if isinstance(rule, Correlation):
        noun = "rule" if len(rule.rules) == 1 else "rules"
        return f"counts {len(rule.rules)} {noun}"
    source = rule.log_source
    return " ".join(part for part in (source.product, source.category, source.service) if part)


def rule_list(rows: Sequence[RuleRow], address: RulesAddress) -> RuleList:
    """The page of rows that an address asks for: most alerts first, then most severe, by title."""
    words = address.q.lower().split()
    matching = [
        row
        for row in rows
        if (not address.level or row.level == address.level)
        and (not address.product or row.product == address.product)
        and (not words or _holds(row, words))
    ]
    by_state = {
        "all": matching,
        "fired": [row for row in matching if row.alerts],
        "on": [row for row in matching if row.switch.enabled],
        "off": [row for row in matching if not row.switch.enabled],
    }
    shown = sorted(by_state.get(address.state, matching), key=_order)
    pages = max(1, -(-len(shown) // ROWS))
    page = min(max(address.page, 1), pages)
    return RuleList(
        rows=tuple(shown[(page - 1) * ROWS : page * ROWS]),
        found=len(shown),
        pages=pages,
        page=page,
        counts={state: len(found) for state, found in by_state.items()},
        products=tuple(sorted({row.product for row in rows if row.product})),
    )


def _holds(row: RuleRow, words: Sequence[str]) -> bool:
    text = " ".join((row.title, row.id, row.author, row.file, row.log_source, *row.tags)).lower()
    return all(word in text for word in words)


def _order(row: RuleRow) -> tuple[int, int, str]:
    return -(row.alerts or 0), -LEVELS.index(row.level), row.title.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts:
    """What a rule's document says beside what is evaluated; empty where it says nothing."""

    description: str
    status: str
    date: str
    modified: str
    license: str
    references: tuple[str, ...]
    false_positives: tuple[str, ...]


def facts_of(text: str) -> RuleFacts:
    """The facts of a document that was loaded before: its YAML is known to be sound."""
    written = yaml.load(text, Loader=yaml.CSafeLoader)
    document = written if isinstance(written, dict) else {}

    def line(name: str) -> str:
        return str(document.get(name) or "").strip()

    def lines(name: str) -> tuple[str, ...]:
        found = document.get(name) or []
        listed = found if isinstance(found, list) else [found]
        return tuple(str(one) for one in listed[:_MAX_LISTED])

    return RuleFacts(
        description=line("description"),
        status=line("status"),
        date=line("date"),
        modified=line("modified"),
        license=line("license"),
        references=lines("references"),
        false_positives=lines("falsepositives"),
    )


def unfolded(text: str, annotated: Iterable[Line]) -> Iterator[Line]:
    """A rule's annotated lines with those that were folded away put back, coloured."""
    written = text.strip().splitlines()
    following = 1
    folded = False
    for line in annotated:
        if folded:
            yield from map(_plain, range(following, line.number), written[following - 1 :])
        folded = line.kind == "fold"
        following = line.number if folded else line.number + 1
        if not folded:
            yield line
    if folded:
        yield from map(_plain, range(following, len(written) + 1), written[following - 1 :])


def _plain(number: int, written: str) -> Line:
    key = _KEY.match(written)
    if key is None:
        return Line(number=number, value=written)
    return Line(number=number, indent=key["indent"], key=key["key"], value=key["rest"])
