r"""Where an INSERT ends and its data begins, and what nobody may say. Pure.

ClickHouse's HTTP interface sends statement and data in one body. Only INSERTs are read here, to
hand their data on without holding it; everything else is parsed by the engine itself and judged
in ``guard``.

>>> insert_head(b"INSERT INTO t (a) FORMAT JSONEachRow\n{}")
InsertHead(target='INSERT INTO t (a)', settings='', format='JSONEachRow', data_start=37)
"""

import re
from dataclasses import dataclass

from pipeline.store.embedded.errors import (
    BAD_ARGUMENTS,
    FUNCTION_NOT_ALLOWED,
    SYNTAX_ERROR,
    Refused,
)

_TOKEN = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DATA_GAP = re.compile(rb"[ \t\f]*\r?\n?")


@dataclass(frozen=True, slots=True)
class InsertHead:
    """An INSERT without its data.

    Attributes:
        target: Up to its SETTINGS, FORMAT or VALUES clause.
        settings: Its SETTINGS clause, or empty.
        format: Of the data; None if the statement names none.
        data_start: Where the data begins, in bytes from the start of the text.
    """

    target: str
    settings: str
    format: str | None
    data_start: int


def is_name(text: str) -> bool:
    """Whether this can be written where a format's name goes."""
    return _NAME.fullmatch(text) is not None


def is_insert(text: bytes) -> bool:
    """Whether the first word is INSERT."""
    return next(_words(text), (b"", 0, 0))[0] == b"INSERT"


def insert_head(text: bytes) -> InsertHead | None:
    """The head of an INSERT that brings data; None for INSERT … SELECT.

    Args:
        text: Begins with the INSERT (see ``is_insert``); may go on into the data.

    Raises:
        Refused: It writes to a table function or reads a file of the server's, or is no text.
    """
    words = _words(text)
    before = b""
    target_end: int | None = None
    for word, start, end in words:
        if word == b"FUNCTION" and before in (b"INTO", b"TABLE"):
            raise Refused(FUNCTION_NOT_ALLOWED, "INSERT INTO FUNCTION is not allowed here.")
        if word == b"INFILE":
            raise Refused(FUNCTION_NOT_ALLOWED, "FROM INFILE is not allowed here.")
        if word in (b"SELECT", b"WITH"):
            return None
        if word == b"SETTINGS":
            target_end = start
        if word == b"VALUES":
            return _head(text, target_end, start, "Values", end)
        if word == b"FORMAT":
            name, _, name_end = next(words, (b"", 0, 0))
            if not name:
                raise Refused(SYNTAX_ERROR, "FORMAT is not followed by a name.")
            name_text = text[name_end - len(name) : name_end].decode()
            gap = _DATA_GAP.match(text, name_end)
            return _head(text, target_end, start, name_text, gap.end() if gap else name_end)
        before = word
    return _head(text, target_end, len(text), None, len(text))


def _head(
    text: bytes, target_end: int | None, end: int, format_name: str | None, data_start: int
) -> InsertHead:
    target_end = end if target_end is None else target_end
    return InsertHead(
        _text(text[:target_end]), _text(text[target_end:end]), format_name, data_start
    )


def _words(text: bytes) -> "_Words":
    return _Words(text)


class _Words:
    """Unquoted words outside parentheses, upper case, with where they begin and end."""

    def __init__(self, text: bytes) -> None:
        self._tokens = _TOKEN.finditer(text)
        self._depth = 0

    def __iter__(self) -> "_Words":
        return self

    def __next__(self) -> tuple[bytes, int, int]:
        for token in self._tokens:
            if token.lastgroup == "word" and self._depth == 0:
                return token[0].upper(), token.start(), token.end()
            if token[0] == b"(":
                self._depth += 1
            elif token[0] == b")":
                self._depth -= 1
        raise StopIteration


def _text(head: bytes) -> str:
    try:
        return head.decode().strip()
    except UnicodeDecodeError:
        raise Refused(BAD_ARGUMENTS, "the statement is not UTF-8.") from None
