"""A boolean condition over rules, as extended temporal correlations have it. Pure.

``not`` binds closest, then ``and``, then ``or``; a rule is written by its name or id. For
``temporal_ordered`` what an ``and`` joins has to come in the order in which it is written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Literal

import msgspec

from detections.errors import RuleRejected

MAX_DEPTH = 50
MAX_CHARS = 10_000
_TOKEN = re.compile(r"\s*(?:([()])|([A-Za-z0-9_.-]+))")
_WORDS = ("and", "or", "not")


class Term(msgspec.Struct, frozen=True, array_like=True):
    """A node of the condition.

    Attributes:
        operator: What it is.
        rule: For ``rule``, which one, as it is written.
        parts: For the others, what they join or negate.
    """

    operator: Literal["rule", "not", "and", "or"]
    rule: str = ""
    parts: tuple["Term", ...] = ()

    def rules(self) -> Iterator[str]:
        """The rules named, in order; one named twice comes twice."""
        if self.operator == "rule":
            yield self.rule
        for part in self.parts:
            yield from part.rules()

    def negates(self) -> bool:
        """Whether it asks that something did not happen."""
        return self.operator == "not" or any(part.negates() for part in self.parts)


def parse(text: str) -> Term:
    """A condition from its text.

    >>> parse("a and not b").parts[1].operator
    'not'

    Raises:
        RuleRejected: It is none, too long or nested too deeply.
    """
    if len(text) > MAX_CHARS:
        raise RuleRejected(f"a condition of {len(text)} characters, {MAX_CHARS} are accepted")
    parser = _Parser(_tokens(text))
    term = parser.disjunction(0)
    if parser.ahead:
        raise RuleRejected(f"the condition goes on with {parser.ahead!r} after its end")
    return term


def happened(term: Term, present: Mapping[str, object]) -> bool:
    """Whether it holds of the rules that are present."""
    match term.operator:
        case "rule":
            return term.rule in present
        case "not":
            return not happened(term.parts[0], present)
        case "and":
            return all(happened(part, present) for part in term.parts)
        case "or":
            return any(happened(part, present) for part in term.parts)


def in_order(term: Term, events: Mapping[str, Sequence[int]]) -> bool:
    """Whether it holds of rules that happened at those places, ascending, in the order written."""
    return _earliest_end(term, events, -1) < inf


def _earliest_end(term: Term, events: Mapping[str, Sequence[int]], after: float) -> float:
    """The first place at which it is fulfilled by what comes after a place; inf: nowhere."""
    match term.operator:
        case "rule":
            return next((at for at in events.get(term.rule, ()) if at > after), inf)
        case "not":
            return inf if _earliest_end(term.parts[0], events, -1) < inf else after
        case "and":
            for part in term.parts:
                after = _earliest_end(part, events, after)
            return after
        case "or":
            return min(_earliest_end(part, events, after) for part in term.parts)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise RuleRejected(f"the condition holds {text[at:].strip()[:20]!r}, which is no rule")
        tokens.append(found[1] or found[2])
        at = found.end()
    return tokens


class _Parser:
    """Reads tokens from left to right."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def ahead(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def disjunction(self, depth: int) -> Term:
        """``conjunction or conjunction …``."""
        if depth > MAX_DEPTH:
            raise RuleRejected(f"the condition is nested more than {MAX_DEPTH} deep")
        return self._joined("or", [self._conjunction(depth)], depth)

    def _conjunction(self, depth: int) -> Term:
        return self._joined("and", [self._negation(depth)], depth)

    def _joined(self, word: Literal["and", "or"], parts: list[Term], depth: int) -> Term:
        while self.ahead == word:
            self._at += 1
            parts.append(self._negation(depth) if word == "and" else self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Term(word, "", tuple(parts))

    def _negation(self, depth: int) -> Term:
        nots = 0
        while self.ahead == "not":
            self._at += 1
            nots += 1
        found = self.ahead
        self._at += 1
        if found == "(":
            term = self.disjunction(depth + 1)
            if self.ahead != ")":
                raise RuleRejected("a bracket in the condition is not closed")
            self._at += 1
        elif not found or found == ")" or found in _WORDS:
            raise RuleRejected(f"the condition has {found or 'nothing'!r} where a rule is expected")
        else:
            term = Term("rule", found)
        return Term("not", "", (term,)) if nots % 2 else term
