"""The tree of a search, and the few rules both back-ends share. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from pipeline.schema.fields import BY_NAME, FIELDS, MESSAGE

RAW = "raw"
SOURCE = "source"
ID = "id"
# ``user`` for ``user.name``: a field with a column goes by the column's name too.
SHORT_NAMES = {
    field.column: field.name
    for field in FIELDS
    if field.column is not None and field.column not in BY_NAME
}
TEXT_FIELDS = (MESSAGE, RAW)

# A number in a field, as a comparison reads it; what is none compares with nothing.
NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
_WORD = re.compile(r"[A-Za-z0-9\u0080-\U0010ffff]+")


class Comparison(StrEnum):
    """How a number is compared."""

    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LESS = "<"
    LESS_OR_EQUAL = "<="


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches every event: an empty search."""


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not this one."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Text:
    """Words in the text, and literally this; ``field`` is None for message and raw together."""

    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A word of the text that a pattern matches."""

    pattern: "Pattern"
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there and not empty."""

    field: str


@dataclass(frozen=True, slots=True)
class Equals:
    """A value of the field is this text, A to Z in either case."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """A value of the field matches the whole pattern."""

    field: str
    pattern: "Pattern"


@dataclass(frozen=True, slots=True)
class Compares:
    """A value of the field is a number on this side of ``number``."""

    field: str
    comparison: Comparison
    number: float


@dataclass(frozen=True, slots=True)
class InNetwork:
    """A value of the field is an address of the network."""

    field: str
    network: IPv4Network | IPv6Network


Node = (
    Everything
    | And
    | Or
    | Not
    | Text
    | TextPattern
    | Exists
    | Equals
    | Matches
    | Compares
    | InNetwork
)


class Wild(StrEnum):
    """What is not literal in a pattern."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Literal texts and wildcards in turn; literals in lower case."""

    parts: tuple[str | Wild, ...]

    def like(self) -> str:
        """As LIKE has it."""
        return "".join(
            {Wild.ANY: "%", Wild.ONE: "_"}[part] if isinstance(part, Wild) else _escape_like(part)
            for part in self.parts
        )

    def expression(self) -> str:
        """As the re module has it; for ``fullmatch`` with DOTALL."""
        return "".join(
            {Wild.ANY: ".*", Wild.ONE: "."}[part] if isinstance(part, Wild) else re.escape(part)
            for part in self.parts
        )

    def longest_literal(self) -> str:
        """The longest text between wildcards."""
        literals = [part for part in self.parts if not isinstance(part, Wild)]
        return max(literals, key=len, default="")


def lower(text: str) -> str:
    """A to Z to a to z and nothing else, as ClickHouse's ``lower`` does.

    >>> lower("ÄPFEL")
    'Äpfel'
    """
    return text.lower() if text.isascii() else text.encode("utf-8", "replace").lower().decode()


def words(text: str) -> list[str]:
    """The words of a text in lower case, as the text index cuts them.

    >>> words("Failed password for root@10.0.0.7")
    ['failed', 'password', 'for', 'root', '10', '0', '0', '7']
    """
    return _WORD.findall(lower(text))


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
