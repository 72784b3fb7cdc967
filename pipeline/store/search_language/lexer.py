r"""A search as text to lexemes. Pure.

>>> [(one.kind.value, one.word) for one in lexemes('user:"a b" (-c)')]
[('field', 'user'), ('text', 'a b'), ('open', '('), ('not', '-'), ('text', 'c'), ('close', ')')]
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import QueryInvalid
from pipeline.store.search_language.tree import Pattern, Wild, lower


class LexemeKind(StrEnum):
    """What a piece of a search is."""

    TEXT = "text"
    FIELD = "field"
    RANGE = "range"
    AND = "and"
    OR = "or"
    NOT = "not"
    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A piece of a search.

    Attributes:
        kind: What it is.
        word: Its text, escapes resolved; of a range, what stands between the brackets.
        position: Where it begins.
        quoted: It stood in quotes.
        comparison: Of a field, what follows it: ``:`` ``=`` ``!=`` ``>`` ``>=`` ``<`` ``<=``.
        pattern: Of a text with wildcards, its pattern.
    """

    kind: LexemeKind
    word: str
    position: int
    quoted: bool = False
    comparison: str = ""
    pattern: Pattern | None = None


# A field name, then what compares it; ``//`` and ``::`` after a colon mean an address instead.
_FIELD = re.compile(r"([A-Za-z_@][\w.@-]*)(:(?!//|:)|!=|>=|<=|>|<|=)")
_RANGE = re.compile(r"\[([^\]\[]*) TO ([^\]\[]*)\]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(r'(?:\\.|[^\s"()\\])+|\\')
_KEYWORDS = {"AND": LexemeKind.AND, "OR": LexemeKind.OR, "NOT": LexemeKind.NOT}
_ESCAPED = '*?"():\\ '
_BRACKETS = {"(": LexemeKind.OPEN, ")": LexemeKind.CLOSE}


def lexemes(search: str) -> list[Lexeme]:
    """The pieces of a search.

    Raises:
        QueryInvalid: A quote is not closed, or a range is none.
    """
    found: list[Lexeme] = []
    at = 0
    while at < len(search):
        if search[at].isspace():
            at += 1
            continue
        after_field = bool(found) and found[-1].kind is LexemeKind.FIELD
        piece, at = _piece(search, at, after_field=after_field)
        found.append(piece)
    return found


def _piece(search: str, at: int, *, after_field: bool) -> tuple[Lexeme, int]:
    """The piece that begins here, and where it ends."""
    character = search[at]
    if character in _BRACKETS:
        return Lexeme(_BRACKETS[character], character, at), at + 1
    if character == '"':
        return _quoted(search, at)
    if after_field:
        if character == "[":
            return _range(search, at)
        return _word(search, at)
    if character in "-!" and at + 1 < len(search) and not search[at + 1].isspace():
        return Lexeme(LexemeKind.NOT, character, at), at + 1
    field = _FIELD.match(search, at)
    if field:
        return Lexeme(LexemeKind.FIELD, field[1], at, comparison=field[2]), field.end()
    return _word(search, at)


def _quoted(search: str, at: int) -> tuple[Lexeme, int]:
    quoted = _QUOTED.match(search, at)
    if not quoted:
        raise QueryInvalid("This quote is not closed.", position=at)
    text = re.sub(r'\\(["\\])', r"\1", quoted[1])
    return Lexeme(LexemeKind.TEXT, text, at, quoted=True), quoted.end()


def _range(search: str, at: int) -> tuple[Lexeme, int]:
    found = _RANGE.match(search, at)
    if not found:
        raise QueryInvalid("A range looks like [400 TO 499].", position=at)
    return Lexeme(LexemeKind.RANGE, f"{found[1]} TO {found[2]}", at), found.end()


def _word(search: str, at: int) -> tuple[Lexeme, int]:
    word = _WORD.match(search, at)
    assert word is not None, "whitespace, quotes and brackets are handled before"
    if word[0] in _KEYWORDS:
        return Lexeme(_KEYWORDS[word[0]], word[0], at), word.end()
    text, pattern = _unescape(word[0])
    return Lexeme(LexemeKind.TEXT, text, at, pattern=pattern), word.end()


def _unescape(word: str) -> tuple[str, Pattern | None]:
    """The text of a word, and its pattern if it has wildcards."""
    parts: list[str | Wild] = []
    literal: list[str] = []
    characters = iter(word)
    for character in characters:
        if character in "*?":
            if literal:
                parts.append(lower("".join(literal)))
                literal = []
            parts.append(Wild(character))
        elif character == "\\":
            following = next(characters, "")
            literal.append(following if following and following in _ESCAPED else f"\\{following}")
        else:
            literal.append(character)
    if not parts:
        return "".join(literal), None
    if literal:
        parts.append(lower("".join(literal)))
    return word, Pattern(tuple(parts))
