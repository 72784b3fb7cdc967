"""Decoders compiled from declarations: bytes of one version in, a message out.

For every (message, version) one straight-line function is generated as Python source, compiled
when first used and kept: neighbouring fields of fixed size share one ``struct`` call. Every length
is checked against what remains of the frame before anything is allocated for it, so a decoder
needs no more than a constant times the frame, and outside bytes raise CorruptMessage only.
"""

import dataclasses
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from broker_core.errors import CorruptMessage
from broker_core.protocol.message import Field, Source, holder, is_single, single, smallest_bytes
from broker_core.protocol.primitives import Kind, read_unsigned_varint

M = TypeVar("M")
Decoder = Callable[[bytes, int, int], tuple[Any, int]]


def decode(message: type[M], version: int, *, flexible: bool, data: bytes, start: int = 0) -> M:
    """Decode a message that begins at ``start``; bytes after it are ignored, as Kafka does.

    librdkafka 2.x needs that: its MetadataRequest v12 for all topics writes the count of a
    compact array as four zero bytes, three more than the encoding has.

    Raises:
        CorruptMessage: Cut off, not UTF-8, or a null where none may be.
    """
    decoder = compile_decoder(message, version, flexible)
    try:
        decoded, _ = decoder(data, start, len(data))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise CorruptMessage(f"{message.__name__} v{version}: {error}") from error
    assert isinstance(decoded, message)
    return decoded


_COMPILED: dict[tuple[type, int, bool], Decoder] = {}


def compile_decoder(message: type, version: int, flexible: bool) -> Decoder:
    """Return ``decode(data, start, end) -> (message, position)`` for one version."""
    key = (message, version, flexible)
    compiled = _COMPILED.get(key)
    if compiled is None:
        compiled = _COMPILED[key] = _DecoderSource(message, version, flexible).build()
    return compiled


def _too_long(name: str, announced: int, left: int) -> CorruptMessage:
    return CorruptMessage(f"{name} announces {announced}, {left} bytes are left")


def _read_null(name: str) -> CorruptMessage:
    return CorruptMessage(f"{name} may not be null")


class _DecoderSource(Source):
    """``decode(d, p, e)``: data, position, end of data."""

    def build(self) -> Decoder:
        self.names.update(
            CorruptMessage=CorruptMessage,
            read_unsigned_varint=read_unsigned_varint,
            too_long=_too_long,
            read_null=_read_null,
        )
        self.lines.append("def decode(d, p, e):")
        for run in self.runs():
            if run[0].is_fixed:
                self.fixed(run)
            elif run[0].is_nested:
                self.nested(run[0])
            else:
                self.varying(run[0])
        for field in self.tagged():
            self.line(f"v_{field.name} = {self.name('default', field.default)}")
        if self.has_tags:
            self.tags()
        self.result()
        decoder: Decoder = self.compile("decode")
        return decoder

    def fixed(self, run: list[Field]) -> None:
        layout = struct.Struct(">" + "".join(field.format for field in run))
        unpack = self.name("unpack", layout.unpack_from)
        targets = "".join(f"v_{field.name}, " for field in run)
        self.line(f"{targets}= {unpack}(d, p)")
        self.line(f"p += {layout.size}")

    def nested(self, field: Field) -> None:
        """Read a message in its place; where it may be null, after a byte: negative is null."""
        assert isinstance(field.kind, type)
        nested = self.name("nested", compile_decoder(field.kind, self.version, self.flexible))
        if field.nullable:
            self.line("n = d[p]")
            self.line("p += 1")
            self.line(f"if n > 127: v_{field.name} = None")
            self.line(f"else: v_{field.name}, p = {nested}(d, p, e)")
        else:
            self.line(f"v_{field.name}, p = {nested}(d, p, e)")

    def varying(self, field: Field) -> None:
        what = f"{self.message.__name__}.{field.name}"
        self.length(field)
        self.line("if n < 0:")
        if field.nullable:
            self.line(f"    v_{field.name} = None")
        else:
            self.line(f"    raise read_null({what!r})")
        self.line("else:")
        self.indent += "    "
        if field.is_array:
            self.array(field, what)
        else:
            self.line("q = p + n")
            self.line(f"if q > e: raise too_long({what!r}, n, e - p)")
            self.line(f"v_{field.name} = {_SLICE[field.kind]}")
            self.line("p = q")
        self.indent = self.indent[:-4]

    def length(self, field: Field) -> None:
        """Read the length prefix into ``n``, -1 for null."""
        if self.flexible:
            self.line("n = d[p]")
            self.line("if n < 128: p += 1")
            self.line("else: n, p = read_unsigned_varint(d, p)")
            self.line("n -= 1")
            return
        layout = struct.Struct(">h" if field.kind is Kind.STRING and not field.is_array else ">i")
        self.line(f"(n,) = {self.name('unpack', layout.unpack_from)}(d, p)")
        self.line(f"p += {layout.size}")

    def array(self, field: Field, what: str) -> None:
        smallest = smallest_bytes(field.kind, self.version, self.flexible)
        self.line(f"if n * {smallest} > e - p: raise too_long({what!r}, n, e - p)")
        if isinstance(field.kind, Kind) and field.kind.packs_together:
            unpack = self.name("unpack", struct.unpack_from)
            self.line(f"v_{field.name} = {unpack}('>%d{field.kind.value}' % n, d, p)")
            self.line(f"p += n * {smallest}")
            return
        if isinstance(field.kind, Kind):
            element = compile_decoder(single(field.kind), self.version, self.flexible)
        else:
            element = compile_decoder(field.kind, self.version, self.flexible)
        self.line("a = []")
        self.line("for _ in range(n):")
        self.line(f"    v, p = {self.name('element', element)}(d, p, e)")
        self.line("    a.append(v)")
        self.line(f"v_{field.name} = tuple(a)")

    def tags(self) -> None:
        """Read the tagged fields; those we do not know are skipped."""
        self.line("n = d[p]")
        self.line("if n == 0: p += 1")
        self.line("else:")
        self.line("    n, p = read_unsigned_varint(d, p)")
        self.line("    for _ in range(n):")
        self.line("        tag, p = read_unsigned_varint(d, p)")
        self.line("        size, p = read_unsigned_varint(d, p)")
        self.line("        after = p + size")
        self.line("        if after > e: raise too_long('a tagged field', size, e - p)")
        for field in self.tagged():
            element = compile_decoder(holder(field), self.version, self.flexible)
            name = self.name("tagged", element)
            self.line(f"        if tag == {field.tag}: v_{field.name}, _ = {name}(d, p, after)")
        self.line("        p = after")

    def result(self) -> None:
        """Fill the frozen message through its slots: three times faster than calling it."""
        if is_single(self.message):
            self.line("return v_value, p")
            return
        self.line(
            f"m = {self.name('new', self.message.__new__)}({self.name('type', self.message)})"
        )
        for field in self.present:
            slot = self.name("set", self.message.__dict__[field.name].__set__)
            self.line(f"{slot}(m, v_{field.name})")
        for field in self.absent:
            assert field.default is not dataclasses.MISSING, f"{field.name} needs a default"
            slot = self.name("set", self.message.__dict__[field.name].__set__)
            self.line(f"{slot}(m, {self.name('default', field.default)})")
        self.line("return m, p")


_SLICE: Mapping[Kind | type, str] = {
    Kind.STRING: "str(d[p:q], 'utf-8')",
    Kind.BYTES: "d[p:q]",
    Kind.RECORDS: "memoryview(d)[p:q]",
}
