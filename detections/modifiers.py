"""Sigma's value modifiers where pySigma's are missing or say something else. Pure.

Each stands in for pySigma's of the same name (specification, appendix "Modifiers"); the rest are
pySigma's own. What differs:

- ``base64`` and ``base64offset`` encode the bytes that are meant: an escaped ``\\*`` is a star,
  text beyond ASCII is shifted by its bytes, and ``utf16`` begins with FF FE.
- ``utf16le`` exists; ``wide``, ``utf16`` and ``utf16be`` take any text. Not encoded any further,
  their bytes are matched as Latin-1 text.
- ``windash`` knows every dash of the specification in the rule too, keeps ``cased``, is bounded.
- ``fieldref`` takes affixes and ``cased`` before it as well as after.
- ``expand`` puts in the configured values, so that the modifiers after it apply to them.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from itertools import chain, product
from math import prod
from typing import Any, ClassVar

from sigma.modifiers import (
    SigmaBase64Modifier,
    SigmaBase64OffsetModifier,
    SigmaCaseSensitiveModifier,
    SigmaCIDRModifier,
    SigmaContainsModifier,
    SigmaEndswithModifier,
    SigmaExpandModifier,
    SigmaFieldReferenceModifier,
    SigmaModifier,
    SigmaStartswithModifier,
    SigmaTimestampModifier,
    SigmaWideModifier,
    SigmaWindowsDashModifier,
    modifier_mapping,
)
from sigma.types import (
    Placeholder,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaRegularExpression,
    SigmaString,
    SigmaType,
    SpecialChars,
)

from detections.errors import RuleRejected

# A value may become so many: every dash each way, every placeholder each of its values.
MAX_EXPANSION = 10_000

AnyModifier = type[SigmaModifier[Any, Any]]
Placeholders = Mapping[str, tuple[str, ...]]
_Part = str | SpecialChars | Placeholder

_DASHES = "-/\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}"
_SWITCH = re.compile(rf"(\B[{_DASHES}]\b)")
_PLACEHOLDER = re.compile(r"(?<!\\)%([^%]+)%")
_AFFIXES = (SigmaContainsModifier, SigmaStartswithModifier, SigmaEndswithModifier)


class CasedFieldReference(SigmaFieldReference):
    """A reference to another field whose value has to have the same case."""


class _Utf16Le(SigmaWideModifier):
    """``utf16le`` and ``wide``."""

    encoding: ClassVar[str] = "utf-16-le"
    prefix: ClassVar[str] = ""

    def modify(self, val: SigmaString) -> SigmaString:
        parts = [
            part.encode(self.encoding, "surrogatepass").decode("latin-1")
            if isinstance(part, str)
            else part
            for part in _without_placeholder(val)
        ]
        return _string(val, [self.prefix, *parts])


class _Utf16Be(_Utf16Le):
    encoding = "utf-16-be"


class _Utf16(_Utf16Le):
    """Little-endian after a byte order mark."""

    prefix = "\xff\xfe"


class _Base64(SigmaBase64Modifier):
    def modify(self, val: SigmaString) -> SigmaString:
        return _string(val, [b64encode(_bytes(val, self.applied_modifiers)).decode()])


class _Base64Offset(SigmaBase64OffsetModifier):
    def modify(self, val: SigmaString) -> SigmaExpansion:
        content = _bytes(val, self.applied_modifiers)
        shifted: list[SigmaType] = []
        for shift, start in enumerate(self.start_offsets):
            end = self.end_offsets[(len(content) + shift) % 3]
            shifted.append(_string(val, [b64encode(b" " * shift + content)[start:end].decode()]))
        return SigmaExpansion(shifted)


class _Windash(SigmaWindowsDashModifier):
    def modify(self, val: SigmaString) -> SigmaExpansion:
        choices: list[Sequence[_Part]] = []
        for part in val.s:
            pieces = _SWITCH.split(part) if isinstance(part, str) else [part]
            choices += [_DASHES if index % 2 else [piece] for index, piece in enumerate(pieces)]
        return _expansion(val, choices)


class _Cased(SigmaCaseSensitiveModifier):
    def modify(self, val: Any) -> Any:
        found = val
        match val:
            case SigmaFieldReference():
                found = CasedFieldReference(val.field, val.starts_with, val.ends_with)
            case SigmaString():
                found = SigmaCasedString.from_sigma_string(val)
        return found

    def type_check(self, val: Any, explicit_type: type[Any] | None = None) -> bool:
        """Also field references, and regular expressions, which are cased already."""
        return isinstance(val, SigmaString | SigmaFieldReference | SigmaRegularExpression)


class _Contains(SigmaContainsModifier):
    """A regular expression is found anywhere as it is."""

    def modify(self, val: Any) -> Any:
        return val if isinstance(val, SigmaRegularExpression) else super().modify(val)


class _Startswith(SigmaStartswithModifier):
    def modify(self, val: Any) -> Any:
        return super().modify(_without_anchor(val, "^"))


class _Endswith(SigmaEndswithModifier):
    def modify(self, val: Any) -> Any:
        return super().modify(_without_anchor(val, "$"))


class _Fieldref(SigmaFieldReferenceModifier):
    def modify(self, val: SigmaString) -> SigmaFieldReference:
        parts = list(_without_placeholder(val))
        affixed = any(issubclass(one, _AFFIXES) for one in self.applied_modifiers)
        ends = affixed and parts[:1] == [SpecialChars.WILDCARD_MULTI]
        starts = affixed and parts[-1:] == [SpecialChars.WILDCARD_MULTI]
        names = parts[ends : len(parts) - starts]
        if not names or not all(isinstance(name, str) for name in names):
            raise RuleRejected(f"a field reference is the name of a field, not {str(val)!r}")
        kind = CasedFieldReference if isinstance(val, SigmaCasedString) else SigmaFieldReference
        return kind("".join(map(str, names)), starts, ends)


class _Cidr(SigmaCIDRModifier):
    """After ``expand``, each network that a placeholder stands for."""

    def modify(self, val: SigmaString) -> SigmaCIDRExpression:
        if not all(issubclass(one, SigmaExpandModifier) for one in self.applied_modifiers):
            raise RuleRejected("cidr takes networks as they are, not modified ones")
        return SigmaCIDRExpression("".join(map(str, _without_placeholder(val))))


class _Expand(SigmaExpandModifier):
    """Puts in the values it is made for; other placeholders are left to a pipeline."""

    values: ClassVar[Placeholders] = {}

    def modify(self, val: Any) -> Any:
        if isinstance(val, SigmaRegularExpression):
            return self._regular_expression(val)
        val.insert_placeholders()
        if not any(isinstance(part, Placeholder) and part.name in self.values for part in val.s):
            return val
        choices: list[Sequence[Sequence[_Part]]] = [
            [SigmaString(one).s for one in self.values[part.name]]
            if isinstance(part, Placeholder) and part.name in self.values
            else [[part]]
            for part in val.s
        ]
        _bounded(val, choices)
        return SigmaExpansion(
            [_string(val, list(chain.from_iterable(chosen))) for chosen in product(*choices)]
        )

    def _regular_expression(self, val: SigmaRegularExpression) -> SigmaType:
        """Values are text in the expression; their wildcards stay wildcards."""
        pieces = _PLACEHOLDER.split(val.regexp.original)
        if self.values.keys().isdisjoint(pieces[1::2]):
            return val.insert_placeholders()
        choices: list[Sequence[str]] = [
            [_as_regex(one) for one in self.values[piece]]
            if index % 2 and piece in self.values
            else [f"%{piece}%" if index % 2 else piece]
            for index, piece in enumerate(pieces)
        ]
        _bounded(val, choices)
        found: list[SigmaType] = []
        for chosen in product(*choices):
            one = SigmaRegularExpression("".join(chosen), set(val.flags))
            found.append(one.insert_placeholders())
        return SigmaExpansion(found)


def modifiers_with(placeholders: Placeholders) -> Mapping[str, AnyModifier]:
    """Every modifier by its name; ``expand`` knows those values."""
    expand = type("SigmaExpandModifier", (_Expand,), {"values": placeholders})
    return {**_MODIFIERS, "expand": expand}


def whole_number_wanted(modifier: AnyModifier) -> bool:
    """Whether a modifier takes a part of a date, which pySigma would cut a fraction off."""
    return issubclass(modifier, SigmaTimestampModifier)


def _without_placeholder(val: SigmaString) -> Sequence[_Part]:
    for part in val.s:
        if isinstance(part, Placeholder):
            raise RuleRejected(f"placeholder %{part.name}% has no value")
    return val.s


def _without_anchor(val: Any, anchor: str) -> Any:
    if isinstance(val, SigmaRegularExpression):
        raise RuleRejected(
            f"a regular expression says where it matches by {anchor}, not by another modifier"
        )
    return val


def _bytes(val: SigmaString, applied: Sequence[AnyModifier]) -> bytes:
    """What a text is encoded as: by UTF-16 before, else UTF-8."""
    parts = _without_placeholder(val)
    if not all(isinstance(part, str) for part in parts):
        raise RuleRejected(f"{str(val)!r} has wildcards, which Base64 cannot keep")
    encoded = any(issubclass(one, _Utf16Le) for one in applied)
    return "".join(map(str, parts)).encode("latin-1" if encoded else "utf-8", "surrogatepass")


def _expansion(like: SigmaString, choices: Sequence[Sequence[_Part]]) -> SigmaExpansion:
    """Every combination of the choices."""
    _bounded(like, choices)
    return SigmaExpansion([_string(like, chosen) for chosen in product(*choices)])


def _bounded(value: SigmaType, choices: Sequence[Sequence[object]]) -> None:
    if prod(map(len, choices)) > MAX_EXPANSION:
        raise RuleRejected(f"{str(value)!r} stands for more than {MAX_EXPANSION} values")


def _string(like: SigmaString, parts: Sequence[_Part]) -> SigmaString:
    """A string of parts, cased if the other one is."""
    found, merged = type(like)(), list[_Part]()
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    found.s = merged
    return found


def _as_regex(value: str) -> str:
    wildcards = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    parts = SigmaString(value).s
    return "".join(re.escape(one) if isinstance(one, str) else wildcards[one] for one in parts)  # type: ignore[index]


_MODIFIERS: Mapping[str, AnyModifier] = {
    **modifier_mapping,
    "base64": _Base64,
    "base64offset": _Base64Offset,
    "cased": _Cased,
    "cidr": _Cidr,
    "contains": _Contains,
    "endswith": _Endswith,
    "fieldref": _Fieldref,
    "startswith": _Startswith,
    "utf16": _Utf16,
    "utf16be": _Utf16Be,
    "utf16le": _Utf16Le,
    "wide": _Utf16Le,
    "windash": _Windash,
}
