"""Which correlations build on which rules and on each other, and what they ask of events. Pure.

A correlation stands one level above the highest of those that it names; level 0 names rules only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from detections.correlation.definition import Correlation
from detections.errors import RuleProblem


@dataclass(frozen=True, slots=True)
class Use:
    """That a correlation counts what a rule or another correlation gives.

    Attributes:
        reference: How it names it.
        correlation: Which counts.
    """

    reference: str
    correlation: Correlation


class Links:
    """The uses among loaded correlations; made for those that ``resolved`` has let through."""

    def __init__(self, correlations: Iterable[Correlation]) -> None:
        self.correlations = {correlation.id: correlation for correlation in correlations}
        self._uses: dict[str, list[Use]] = {}
        for correlation in self.correlations.values():
            for reference in dict.fromkeys(correlation.rules):
                self._uses.setdefault(reference, []).append(Use(reference, correlation))
        self.levels = _levels(list(self.correlations.values()))
        assert len(self.levels) == len(self.correlations), "resolved: none builds on itself"
        self.carried: dict[str, frozenset[str]] = {}
        for one in sorted(self.levels, key=lambda one: -self.levels[one]):
            self.carried[one] = self._asked_above(self.correlations[one])

    @property
    def depth(self) -> int:
        """How many levels there are."""
        return max(self.levels.values(), default=-1) + 1

    def uses(self, rule_id: str, name: str) -> Iterator[Use]:
        """Who counts what a rule or correlation gives, each once."""
        seen = set()
        for reference in dict.fromkeys(text for text in (rule_id, name) if text):
            for use in self._uses.get(reference, ()):
                if use.correlation.id not in seen:
                    seen.add(use.correlation.id)
                    yield use

    def is_silent(self, rule_id: str, name: str) -> bool:
        """Whether a rule or correlation only counts for others and does not alert by itself."""
        uses = [use.correlation for use in self.uses(rule_id, name)]
        return bool(uses) and not any(correlation.generate for correlation in uses)

    def _asked_above(self, correlation: Correlation) -> frozenset[str]:
        """The event's fields that whoever builds on a correlation will ask for."""
        asked: set[str] = set()
        for use in self.uses(correlation.id, correlation.name):
            asked |= set(fields_of(use))
            asked |= self.carried[use.correlation.id]
        return frozenset(asked)


def references(correlation: Correlation, correlations: Iterable[Correlation]) -> frozenset[str]:
    """Every rule and correlation that one builds on, at any depth, as it is named."""
    every = list(correlations)
    found: set[str] = set()
    named = set(correlation.rules)
    while named:
        found |= named
        below = [one for one in every if one.id in named or (one.name and one.name in named)]
        named = {reference for one in below for reference in one.rules} - found
    return frozenset(found)


def fields_of(use: Use) -> Iterator[str]:
    """The fields, of the rule's events, that make group and value."""
    for name in (*use.correlation.group_by, *use.correlation.value_fields):
        yield field_of(use, name)


def field_of(use: Use, name: str) -> str:
    """The field that a name of the correlation means in the events of one of its rules."""
    return use.correlation.aliases.get(name, {}).get(use.reference, name)


def resolved(
    correlations: Sequence[Correlation], rules: Iterable[tuple[str, str]]
) -> tuple[list[Correlation], list[RuleProblem]]:
    """The correlations whose rules are all there, and why the others cannot be evaluated.

    Args:
        correlations: All that were loaded.
        rules: Id and name of every rule; a name may be empty.
    """
    known = {text for pair in rules for text in pair if text}
    named = {text for one in correlations for text in (one.id, one.name) if text}
    there = known | named
    whole = [one for one in correlations if there.issuperset(one.rules)]
    broken = [one for one in correlations if not there.issuperset(one.rules)]
    levels = _levels(whole, broken)
    kept = [one for one in correlations if one.id in levels]
    return kept, [_problem(one, there) for one in correlations if one.id not in levels]


def _levels(
    correlations: Sequence[Correlation], unusable: Sequence[Correlation] = ()
) -> dict[str, int]:
    """The level of every correlation that does not build on itself, nor on what is unusable."""
    below = _below([*correlations, *unusable])
    above: dict[str, list[str]] = {}
    for one, others in below.items():
        for other in others:
            above.setdefault(other, []).append(one)
    missing = {one.id: len(below[one.id]) for one in correlations}
    ready = [one for one, count in missing.items() if not count]
    levels: dict[str, int] = {}
    while ready:
        one = ready.pop()
        levels[one] = max((levels[other] + 1 for other in below[one]), default=0)
        for user in above.get(one, ()):
            if user in missing:
                missing[user] -= 1
                if not missing[user]:
                    ready.append(user)
    return levels


def _below(correlations: Iterable[Correlation]) -> dict[str, set[str]]:
    """By correlation, the ids of those that it names."""
    by_text: dict[str, set[str]] = {}
    for one in correlations:
        for text in (one.id, one.name):
            if text:
                by_text.setdefault(text, set()).add(one.id)
    return {
        one.id: set().union(*(by_text.get(reference, ()) for reference in one.rules))
        for one in correlations
    }


def _problem(correlation: Correlation, there: set[str]) -> RuleProblem:
    missing = [reference for reference in correlation.rules if reference not in there]
    reason = "the correlation builds on itself, or on one that cannot be evaluated"
    if missing:
        reason = f"the correlation names rules that are not loaded: {', '.join(missing)}"
    return RuleProblem(
        path=correlation.path,
        line=1,
        reason=reason,
        rule_id=correlation.id,
        title=correlation.title,
    )
