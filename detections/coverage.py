"""Which techniques of MITRE ATT&CK the rules in force look for, and for which there is data. Pure.

A rule names techniques by its tags (``attack.t1110.001``; Sigma specification, appendix "Tags").
That a rule is there says little if nothing that it looks at is ever sent: each technique tells its
rules that can match the data seen from those that cannot, and what they lack.

Layer format: MITRE ATT&CK Navigator, "Layer File Format Definition", version 4.5.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.data_seen import DataSeen
from detections.log_source import LogSource
from detections.rule_set import RuleSet

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_ENTERPRISE = re.compile(r"T1\d{3}(\.\d{3})?")
_NO_DATA = "#d0d0d0"
_FEW, _MANY = "#d6eaf8", "#1b5e93"
# A technique with more rules than this is not drawn darker: SigmaHQ has 300 for PowerShell alone.
_DARKEST = 20
_NAMED_RULES = 50


class Technique(msgspec.Struct, frozen=True, kw_only=True):
    """One technique or sub-technique.

    Attributes:
        id: ``T1110`` or ``T1110.001``.
        rules: Titles of the rules and correlations in force that name it.
        ready: Of these, how many can match the data seen; None if the data was not asked.
        unseen: Log sources that others of them need and that were never seen.
    """

    id: str
    rules: tuple[str, ...]
    ready: int | None
    unseen: tuple[str, ...] = ()


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """All techniques that rules in force name.

    Attributes:
        techniques: By id.
        untagged: Rules and correlations in force that name no technique.
        wanted: Log sources that were never seen, and how many techniques without data their
            rules name; most telling first. Empty if the data was not asked.
    """

    techniques: tuple[Technique, ...]
    untagged: int
    wanted: tuple[tuple[str, int], ...]

    @property
    def with_data(self) -> int:
        """Techniques of which at least one rule can match the data seen."""
        return sum(bool(one.ready) for one in self.techniques)


@dataclass(slots=True)
class _Tally:
    rules: list[str] = field(default_factory=list)
    ready: int = 0
    unseen: set[str] = field(default_factory=set)


def techniques_of(tags: Iterable[str]) -> list[str]:
    """The techniques that tags name, each once.

    >>> techniques_of(["attack.credential-access", "attack.t1110.001", "cve.2021.44228"])
    ['T1110.001']
    """
    found = (_TECHNIQUE.fullmatch(tag) for tag in tags)
    return list(dict.fromkeys(match[1].upper() for match in found if match))


def coverage(
    rule_set: RuleSet, *, disabled: Collection[str] = (), seen: DataSeen | None = None
) -> Coverage:
    """What the rules in force look for.

    A correlation has data if what it counts has: all of its rules for a temporal one, else any.

    Args:
        rule_set: All rules that are loaded.
        disabled: Ids of rules and correlations that are switched off.
        seen: What the data has; None: not known.
    """
    data = _Data(rule_set, seen)
    tallies: dict[str, _Tally] = {}
    untagged = 0
    every: Sequence[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
    for one in every:
        if one.id in disabled:
            continue
        techniques = techniques_of(one.tags)
        untagged += not techniques
        lacking = data.unseen(one)
        for technique in techniques:
            tally = tallies.setdefault(technique, _Tally())
            tally.rules.append(one.title)
            tally.ready += data.is_ready(one)
            tally.unseen |= lacking
    return Coverage(
        techniques=tuple(
            Technique(
                id=id,
                rules=tuple(sorted(tally.rules)),
                ready=None if seen is None else tally.ready,
                unseen=tuple(sorted(tally.unseen)),
            )
            for id, tally in sorted(tallies.items())
        ),
        untagged=untagged,
        wanted=_wanted(tallies.values()),
    )


def navigator_layer(found: Coverage, *, name: str, described: str = "") -> Mapping[str, object]:
    """A layer of the ATT&CK Navigator: the score is the number of rules.

    Techniques for which no rule has data are grey; what a technique's rules have and lack is in its
    metadata. Techniques of other matrices than Enterprise are left out.
    """
    known = any(one.ready is not None for one in found.techniques)
    legend = [{"label": "rules, few to many", "color": _MANY}]
    if known:
        legend.append({"label": "rules, but no data seen for them", "color": _NO_DATA})
    return {
        "name": name,
        "versions": {"navigator": "4.9.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": described,
        "sorting": 3,
        "layout": {"layout": "side", "showID": True, "expandedSubtechniques": "annotated"},
        "techniques": [
            _annotated(one) for one in found.techniques if _ENTERPRISE.fullmatch(one.id)
        ],
        "gradient": {"colors": [_FEW, _MANY], "minValue": 0, "maxValue": _DARKEST},
        "legendItems": legend,
    }


class _Data:
    """What each rule and correlation of a set has data for."""

    def __init__(self, rule_set: RuleSet, seen: DataSeen | None) -> None:
        self._seen = seen
        self._named: dict[str, Rule | Correlation] = {}
        every: Sequence[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
        for one in every:
            self._named[one.id] = one
            if one.name:
                self._named[one.name] = one

    def is_ready(self, one: Rule | Correlation, depth: int = 0) -> bool:
        """Whether the data seen could make it alert."""
        if self._seen is None:
            return False
        if isinstance(one, Rule):
            return self._seen.lacking(one) is None
        enough = all if one.kind.startswith("temporal") else any
        return enough(self.is_ready(rule, depth + 1) for rule in self._counted(one, depth))

    def unseen(self, one: Rule | Correlation) -> set[str]:
        """The log sources that it needs and that were never seen."""
        if self._seen is None or self.is_ready(one):
            return set()
        sources = {rule.log_source for rule in self._rules(one)}
        return {source.in_words() for source in sources if not self._has(source)}

    def _has(self, source: LogSource) -> bool:
        return self._seen is not None and self._seen.events_of(source) > 0

    def _rules(self, one: Rule | Correlation, depth: int = 0) -> Iterator[Rule]:
        if isinstance(one, Rule):
            yield one
        else:
            for counted in self._counted(one, depth):
                yield from self._rules(counted, depth + 1)

    def _counted(self, one: Correlation, depth: int) -> list[Rule | Correlation]:
        """What a correlation counts; chains end somewhere, should they be circles."""
        if depth > len(self._named):
            return []
        return [self._named[name] for name in one.rules if name in self._named]


def _wanted(tallies: Iterable[_Tally]) -> tuple[tuple[str, int], ...]:
    counted = Counter(source for tally in tallies if not tally.ready for source in tally.unseen)
    return tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _annotated(one: Technique) -> dict[str, object]:
    shown = list(one.rules[:_NAMED_RULES])
    if len(one.rules) > _NAMED_RULES:
        shown.append(f"and {len(one.rules) - _NAMED_RULES} more")
    metadata = [{"name": "rules", "value": str(len(one.rules))}]
    if one.ready is not None:
        metadata.append({"name": "rules with data seen", "value": str(one.ready)})
    metadata += [{"name": "log source never seen", "value": source} for source in one.unseen]
    return {
        "techniqueID": one.id,
        "score": len(one.rules),
        "comment": "\n".join(shown),
        "metadata": metadata,
        **({"color": _NO_DATA} if one.ready == 0 else {}),
    }
