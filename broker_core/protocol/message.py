"""How a message is declared: field types, versions, nullable, flexible.

A message is a frozen, slotted dataclass whose annotations are the types of
``broker_core.protocol.primitives``, other declared dataclasses and ``tuple[…, ...]`` of either.
Fields stand in wire order; :func:`wire` says in which versions a field exists. The codecs are
compiled from that: ``broker_core.protocol.decoder`` and ``broker_core.protocol.encoder``.

Wire format: Kafka protocol guide; compact types and tagged fields ("flexible" versions): KIP-482.
"""

import dataclasses
import struct
import types
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from broker_core.protocol.primitives import Kind

LAST = 2**15 - 1
OUR_TAGS = 10_000  # from here on: tagged fields that Kafka does not have, between our nodes only


def wire(
    default: object = dataclasses.MISSING,
    *,
    since: int = 0,
    until: int = LAST,
    nullable_since: int = 0,
    tag: int | None = None,
) -> Any:
    """Declare when a field exists.

    Args:
        default: Its value where the version lacks it, and for whoever builds the message.
        since: First version with the field.
        until: Last version with the field.
        nullable_since: First version in which it may be null (if its type has None).
        tag: Number of a tagged field, which exists only in flexible versions.
    """
    metadata = {"since": since, "until": until, "nullable_since": nullable_since, "tag": tag}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it is in one version.

    Attributes:
        kind: A primitive type or a declared message class.
        is_array: Whether it is a tuple of those.
        nullable: Whether null is allowed in this version.
        tag: Its number if it is a tagged field.
    """

    name: str
    kind: Kind | type
    is_array: bool
    nullable: bool
    tag: int | None
    default: object

    @property
    def is_fixed(self) -> bool:
        """Whether it always takes the same number of bytes."""
        return isinstance(self.kind, Kind) and self.kind.is_fixed and not self.is_array

    @property
    def is_nested(self) -> bool:
        """Whether it is one message inside another; if null is allowed, a byte says which."""
        return not isinstance(self.kind, Kind) and not self.is_array

    @property
    def format(self) -> str:
        """Its letter in :mod:`struct`; for fields of fixed size."""
        assert isinstance(self.kind, Kind)
        return self.kind.value


def fields_of(message: type, version: int, flexible: bool) -> tuple[list[Field], list[Field]]:
    """Return the fields that exist in ``version`` and those that do not, in wire order."""
    hints = get_type_hints(message, include_extras=True)
    present: list[Field] = []
    absent: list[Field] = []
    for declared in dataclasses.fields(message):
        since = declared.metadata.get("since", 0)
        until = declared.metadata.get("until", LAST)
        tag = declared.metadata.get("tag")
        exists = since <= version <= until and (tag is None or flexible)
        kind, is_array, optional = _resolve(hints[declared.name])
        nullable = optional and version >= declared.metadata.get("nullable_since", 0)
        field = Field(declared.name, kind, is_array, nullable, tag, declared.default)
        (present if exists else absent).append(field)
    return present, absent


def _resolve(hint: Any) -> tuple[Kind | type, bool, bool]:
    """Take an annotation apart: (what it is, whether an array, whether None is allowed)."""
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        optional = True
        (hint,) = [choice for choice in get_args(hint) if choice is not type(None)]
    is_array = get_origin(hint) is tuple
    if is_array:
        hint = get_args(hint)[0]
    if get_origin(hint) is Annotated:
        return get_args(hint)[1], is_array, optional
    return hint, is_array, optional


@cache
def smallest_bytes(kind: Kind | type, version: int, flexible: bool) -> int:
    """Fewest bytes one value takes; what a count of them is checked against."""
    if isinstance(kind, Kind):
        if kind.is_fixed:
            return struct.calcsize(">" + kind.value)
        return 1 if flexible else 2 if kind is Kind.STRING else 4
    present, _ = fields_of(kind, version, flexible)
    total = 1 if flexible else 0
    for field in present:
        if field.tag is None:
            if field.is_array:
                total += 1 if flexible else 4
            elif field.is_nested and field.nullable:
                total += 1
            else:
                total += smallest_bytes(field.kind, version, flexible)
    return max(total, 1)


_SINGLE = "_Single"


@cache
def single(kind: Kind) -> type:
    """A message of one nameless value: how an element of a primitive array is coded."""
    return _makesingle(kind, nullable=False, is_array=False)


@cache
def holder(field: Field) -> type:
    """The same for the value of a tagged field; a message is its own."""
    if not isinstance(field.kind, Kind) and not field.is_array and not field.nullable:
        return field.kind
    return _makesingle(field.kind, nullable=field.nullable, is_array=field.is_array)


def _makesingle(kind: Kind | type, *, nullable: bool, is_array: bool) -> type:
    hint: Any = Annotated[object, kind] if isinstance(kind, Kind) else kind
    if is_array:
        hint = tuple[hint, ...]
    if nullable:
        hint = hint | None
    return dataclasses.make_dataclass(_SINGLE, [("value", hint)], slots=True)


def is_single(message: type) -> bool:
    """Whether it is a value without a name, not a declared message."""
    return message.__name__ == _SINGLE


class Source:
    """Lines of a codec function under construction, and the names it uses."""

    def __init__(self, message: type, version: int, flexible: bool) -> None:
        self.message = message
        self.version = version
        self.flexible = flexible
        self.has_tags = flexible and not is_single(message)
        self.present, self.absent = fields_of(message, version, flexible)
        self.lines: list[str] = []
        self.indent = "    "
        self.names: dict[str, Any] = {}

    def line(self, text: str) -> None:
        """Add a line at the current depth."""
        self.lines.append(self.indent + text)

    def name(self, prefix: str, value: object) -> str:
        """Make a value known to the function; return what it is called there."""
        name = f"{prefix}_{len(self.names)}"
        self.names[name] = value
        return name

    def runs(self) -> list[list[Field]]:
        """Group neighbours of fixed size; every other field stands alone."""
        runs: list[list[Field]] = []
        for field in self.present:
            if field.tag is not None:
                continue
            if field.is_fixed and runs and runs[-1][0].is_fixed:
                runs[-1].append(field)
            else:
                runs.append([field])
        return runs

    def tagged(self) -> list[Field]:
        """Fields that stand among the tags, by number."""
        tagged = [(field.tag, field) for field in self.present if field.tag is not None]
        return [field for _, field in sorted(tagged, key=lambda pair: pair[0])]

    def compile(self, function: str) -> Any:
        """Turn the lines into the function of that name."""
        code = compile("\n".join(self.lines) + "\n", f"<{self.message.__name__}>", "exec")
        exec(code, self.names)  # noqa: S102 # generated from our declarations, no outside text
        return self.names[function]
