"""A search as text to its tree. Pure.

Grammar, loosest first::

    search  = [ either ]
    either  = both { "OR" both }
    both    = no { [ "AND" ] no }
    no      = ( "NOT" | "-" ) no | "(" either ")" | term
    term    = field ":" value | field compare number | text
    value   = text | "[" end "TO" end "]" | "(" text { [ "OR" ] text } ")"

``lexer`` cuts the text; this module gives it meaning.
"""

import ipaddress
import re
from uuid import UUID

from pipeline.errors import QueryInvalid
from pipeline.store.search_language.lexer import Lexeme, LexemeKind, lexemes
from pipeline.store.search_language.tree import (
    ID,
    NUMBER,
    SHORT_NAMES,
    TEXT_FIELDS,
    And,
    Compares,
    Comparison,
    Equals,
    Everything,
    Exists,
    InNetwork,
    Matches,
    Node,
    Not,
    Or,
    Pattern,
    Text,
    TextPattern,
    Wild,
    words,
)

MAX_CHARACTERS = 4096
_MAX_DEPTH = 30
_MAX_TERMS = 100
_MAX_WORDS = 60  # hasAllTokens takes 64
_SHORTEST_LITERAL = 4  # text_index_like_min_pattern_length: shorter ones would read everything
_NUMBER = re.compile(NUMBER)
_NETWORK = re.compile(r"[0-9A-Fa-f:.]+/[0-9]{1,3}")


def parse(search: str) -> Node:
    """The tree of a search.

    >>> parse("user:root -failed")
    And(parts=(Equals(field='user.name', text='root'), Not(part=Text(text='failed', field=None))))

    Raises:
        QueryInvalid: With a sentence for the person who typed it, and where.
    """
    if len(search) > MAX_CHARACTERS:
        raise QueryInvalid(
            f"A search has at most {MAX_CHARACTERS} characters; this one has {len(search)}.",
            position=MAX_CHARACTERS,
        )
    return _Parser(lexemes(search), end=len(search)).search()


class _Parser:
    def __init__(self, found: list[Lexeme], *, end: int) -> None:
        self._lexemes = found
        self._next = 0
        self._end = end
        self._terms = 0

    def search(self) -> Node:
        if not self._lexemes:
            return Everything()
        tree = self._either(0)
        left = self._peek()
        if left is not None:
            raise QueryInvalid("This bracket closes nothing.", position=left.position)
        return tree

    def _either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._take(LexemeKind.OR):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self, depth: int) -> Node:
        parts = [self._no(depth)]
        while True:
            following = self._peek()
            if following is None or following.kind in (LexemeKind.OR, LexemeKind.CLOSE):
                break
            self._take(LexemeKind.AND)
            parts.append(self._no(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _no(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise QueryInvalid(
                f"Brackets and NOTs go {_MAX_DEPTH} deep at most.", position=self._position()
            )
        if self._take(LexemeKind.NOT):
            return Not(self._no(depth + 1))
        if self._take(LexemeKind.OPEN):
            tree = self._either(depth + 1)
            self._expect_close()
            return tree
        return self._term()

    def _term(self) -> Node:
        lexeme = self._peek()
        if lexeme is None:
            raise QueryInvalid("Something is missing at the end.", position=self._end)
        self._next += 1
        self._count(lexeme)
        match lexeme.kind:
            case LexemeKind.FIELD:
                return self._field(lexeme)
            case LexemeKind.TEXT:
                return _text(lexeme, field=None)
            case LexemeKind.RANGE:
                raise QueryInvalid(
                    "A range belongs to a field: code:[400 TO 499].", position=lexeme.position
                )
            case _:
                raise QueryInvalid(
                    f"Something is missing before {lexeme.word!r}.", position=lexeme.position
                )

    def _field(self, lexeme: Lexeme) -> Node:
        field = SHORT_NAMES.get(lexeme.word, lexeme.word)
        value = self._peek()
        if lexeme.comparison == "!=":
            return Not(self._value(field, value, lexeme))
        if lexeme.comparison in (":", "="):
            return self._value(field, value, lexeme)
        if value is None or value.kind is not LexemeKind.TEXT:
            raise QueryInvalid("A number is missing here.", position=self._position())
        self._next += 1
        return _compares(field, Comparison(lexeme.comparison), value)

    def _value(self, field: str, value: Lexeme | None, of: Lexeme) -> Node:
        if value is None:
            raise QueryInvalid(
                f"{of.word}: what? {of.word}:* finds events that have it.", position=self._end
            )
        self._next += 1
        match value.kind:
            case LexemeKind.TEXT:
                return _equals(field, value)
            case LexemeKind.RANGE:
                return _range(field, value)
            case LexemeKind.OPEN:
                return self._any_of(field, value)
            case _:
                raise QueryInvalid(
                    f"A value for {of.word} is missing here.", position=value.position
                )

    def _any_of(self, field: str, opening: Lexeme) -> Node:
        parts: list[Node] = []
        while (value := self._peek()) is not None and value.kind is not LexemeKind.CLOSE:
            self._next += 1
            if value.kind is LexemeKind.OR and parts:
                continue
            if value.kind is not LexemeKind.TEXT:
                raise QueryInvalid(
                    "Between these brackets only values and OR can stand.", position=value.position
                )
            self._count(value)
            parts.append(_equals(field, value))
        if not parts:
            raise QueryInvalid(
                "A value is missing between the brackets.", position=opening.position
            )
        self._expect_close()
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _count(self, lexeme: Lexeme) -> None:
        self._terms += 1
        if self._terms > _MAX_TERMS:
            raise QueryInvalid(
                f"A search has at most {_MAX_TERMS} terms.", position=lexeme.position
            )

    def _peek(self) -> Lexeme | None:
        return self._lexemes[self._next] if self._next < len(self._lexemes) else None

    def _take(self, kind: LexemeKind) -> bool:
        following = self._peek()
        if following is None or following.kind is not kind:
            return False
        self._next += 1
        return True

    def _expect_close(self) -> None:
        if not self._take(LexemeKind.CLOSE):
            raise QueryInvalid("A closing bracket is missing.", position=self._position())

    def _position(self) -> int:
        following = self._peek()
        return self._end if following is None else following.position


def _text(lexeme: Lexeme, *, field: str | None) -> Node:
    """A text without a field, or of message or raw."""
    if lexeme.pattern is not None:
        return _text_pattern(lexeme, lexeme.pattern, field)
    found = words(lexeme.word)
    if not found:
        raise QueryInvalid(
            f"{lexeme.word!r} has no letter or digit to search for.", position=lexeme.position
        )
    if len(found) > _MAX_WORDS:
        raise QueryInvalid(f"A phrase has at most {_MAX_WORDS} words.", position=lexeme.position)
    return Text(lexeme.word, field)


def _text_pattern(lexeme: Lexeme, pattern: Pattern, field: str | None) -> Node:
    if set(pattern.parts) == {Wild.ANY}:
        return Everything() if field is None else Exists(field)
    literals = [part for part in pattern.parts if not isinstance(part, Wild)]
    if any(not literal.isascii() or not literal.isalnum() for literal in literals):
        raise QueryInvalid(
            "Without a field, a word with * or ? has only letters A to Z and digits beside them."
            " Quotes take * and ? literally.",
            position=lexeme.position,
        )
    if len(pattern.longest_literal()) < _SHORTEST_LITERAL:
        raise QueryInvalid(
            f"Without a field, * and ? need {_SHORTEST_LITERAL} letters or digits in a row beside"
            " them.",
            position=lexeme.position,
        )
    return TextPattern(pattern, field)


def _equals(field: str, value: Lexeme) -> Node:
    """``field:value``."""
    if field in TEXT_FIELDS:
        return _text(value, field=field)
    if value.pattern is not None:
        if set(value.pattern.parts) == {Wild.ANY}:
            return Exists(field)
        if field == ID:
            raise QueryInvalid("An id is searched for as a whole.", position=value.position)
        return Matches(field, value.pattern)
    if field == ID:
        return Equals(ID, _uuid(value))
    if not value.word:
        raise QueryInvalid(
            f"An empty value is as no value: NOT {field}:* finds both.", position=value.position
        )
    if not value.quoted and value.word[0] in "<>":
        return _compares_inside(field, value)
    if not value.quoted and _NETWORK.fullmatch(value.word):
        return _network(field, value)
    return Equals(field, value.word)


def _uuid(value: Lexeme) -> str:
    try:
        return str(UUID(value.word))
    except ValueError:
        raise QueryInvalid(
            f"{value.word!r} is not an event's id.", position=value.position
        ) from None


def _network(field: str, value: Lexeme) -> Node:
    try:
        return InNetwork(field, ipaddress.ip_network(value.word, strict=False))
    except ValueError:
        return Equals(field, value.word)


def _compares_inside(field: str, value: Lexeme) -> Node:
    """``field:>=500``, as other consoles have it."""
    sign = value.word[:2] if value.word[1:2] == "=" else value.word[:1]
    number = Lexeme(
        LexemeKind.TEXT, value.word[len(sign) :], value.position + len(sign), quoted=False
    )
    return _compares(field, Comparison(sign), number)


def _compares(field: str, comparison: Comparison, value: Lexeme) -> Node:
    return Compares(field, comparison, _number(value.word, value.position))


def _range(field: str, value: Lexeme) -> Node:
    low, _, high = value.word.partition(" TO ")
    ends: list[Node] = []
    if low.strip() != "*":
        ends.append(
            Compares(field, Comparison.GREATER_OR_EQUAL, _number(low.strip(), value.position))
        )
    if high.strip() != "*":
        ends.append(
            Compares(field, Comparison.LESS_OR_EQUAL, _number(high.strip(), value.position))
        )
    return And(tuple(ends)) if ends else Exists(field)


def _number(text: str, position: int) -> float:
    if not _NUMBER.fullmatch(text):
        raise QueryInvalid(f"{text!r} is not a number.", position=position)
    return float(text)
