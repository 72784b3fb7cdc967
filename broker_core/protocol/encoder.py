"""Encoders compiled from declarations: a message in, the pieces of one version's bytes out.

The pieces are joined or written one after the other by whoever sends them; records are passed on
as they are, never copied. Built like the decoders: see ``broker_core.protocol.decoder``.
"""

import struct
from collections.abc import Callable
from typing import Any

from broker_core.protocol.message import Field, Source, holder, is_single, single
from broker_core.protocol.primitives import Kind, unsigned_varint

Parts = list[bytes | memoryview]
Encoder = Callable[[Any, Parts], None]


def encode(message: object, version: int, *, flexible: bool) -> Parts:
    """Encode into pieces that together are the message."""
    parts: Parts = []
    compile_encoder(type(message), version, flexible)(message, parts)
    return parts


_COMPILED: dict[tuple[type, int, bool], Encoder] = {}


def compile_encoder(message: type, version: int, flexible: bool) -> Encoder:
    """Return ``encode(message, parts)`` for one version; it appends to ``parts``."""
    key = (message, version, flexible)
    compiled = _COMPILED.get(key)
    if compiled is None:
        compiled = _COMPILED[key] = _EncoderSource(message, version, flexible).build()
    return compiled


class _EncoderSource(Source):
    """``encode(m, parts)``: small pieces are concatenated before they are appended."""

    def build(self) -> Encoder:
        self.names["unsigned_varint"] = unsigned_varint
        self.lines.append("def encode(m, parts):")
        self.line("append = parts.append")
        self.pending: list[str] = []
        for run in self.runs():
            if run[0].is_fixed:
                self.fixed(run)
            elif run[0].is_array:
                self.array(run[0])
            elif run[0].is_nested:
                self.nested(run[0])
            else:
                self.varying(run[0])
        if self.has_tags:
            self.tags()
        self.flush()
        encoder: Encoder = self.compile("encode")
        return encoder

    def flush(self) -> None:
        """Append what was collected as one piece."""
        if self.pending:
            self.line(f"append({' + '.join(self.pending)})")
            self.pending = []

    def value(self, field: Field) -> str:
        return "m" if is_single(self.message) else f"m.{field.name}"

    def fixed(self, run: list[Field]) -> None:
        layout = struct.Struct(">" + "".join(field.format for field in run))
        values = ", ".join(self.value(field) for field in run)
        self.pending.append(f"{self.name('pack', layout.pack)}({values})")

    def prefix(self, field: Field, count: str) -> str:
        """Return the expression for a length prefix; -1 is null."""
        if self.flexible:
            return f"unsigned_varint({count} + 1)"
        short = field.kind is Kind.STRING and not field.is_array
        return f"{self.name('pack', struct.Struct('>h' if short else '>i').pack)}({count})"

    def varying(self, field: Field) -> None:
        value = f"v_{len(self.lines)}"
        self.line(f"{value} = {self.value(field)}")
        if field.nullable:
            self.flush()
            self.line(f"if {value} is None: append({self.prefix(field, '-1')})")
            self.line("else:")
            self.indent += "    "
        if field.kind is Kind.STRING:
            self.line(f"{value} = {value}.encode()")
        self.pending.append(self.prefix(field, f"len({value})"))
        if field.kind is Kind.RECORDS:
            self.flush()
        self.pending.append(value)
        if field.kind is Kind.RECORDS or field.nullable:
            self.flush()
        if field.nullable:
            self.indent = self.indent[:-4]

    def nested(self, field: Field) -> None:
        """Write a message in its place; where it may be null, after a byte: -1 is null, 1 not."""
        assert isinstance(field.kind, type)
        self.flush()
        nested = self.name("nested", compile_encoder(field.kind, self.version, self.flexible))
        self.line(f"v = {self.value(field)}")
        if field.nullable:
            self.line("if v is None: append(b'\\xff')")
            self.line(f"else: append(b'\\x01'); {nested}(v, parts)")
        else:
            self.line(f"{nested}(v, parts)")

    def array(self, field: Field) -> None:
        self.flush()
        self.line(f"v = {self.value(field)}")
        if field.nullable:
            self.line(f"if v is None: append({self.prefix(field, '-1')})")
            self.line("else:")
            self.indent += "    "
        prefix = self.prefix(field, "len(v)")
        if isinstance(field.kind, Kind) and field.kind.packs_together:
            pack = self.name("pack", struct.pack)
            self.line(f"append({prefix} + {pack}('>%d{field.kind.value}' % len(v), *v))")
        else:
            element = single(field.kind) if isinstance(field.kind, Kind) else field.kind
            encoder = compile_encoder(element, self.version, self.flexible)
            self.line(f"append({prefix})")
            self.line(f"for x in v: {self.name('element', encoder)}(x, parts)")
        if field.nullable:
            self.indent = self.indent[:-4]

    def tags(self) -> None:
        """Write the tagged fields that differ from their default, by number."""
        tagged = self.tagged()
        if not tagged:
            self.pending.append(repr(b"\0"))
            return
        self.flush()
        self.line("tags = []")
        for field in tagged:
            encoder = compile_encoder(holder(field), self.version, self.flexible)
            value = self.value(field)
            default = self.name("default", field.default)
            self.line(f"if {value} is not {default} and {value} != {default}:")
            self.line(f"    tagged = []; {self.name('tagged', encoder)}({value}, tagged)")
            self.line(f"    tags.append(({field.tag}, b''.join(tagged)))")
        self.line("append(unsigned_varint(len(tags)))")
        self.line("for number, content in tags:")
        self.line("    append(unsigned_varint(number) + unsigned_varint(len(content)) + content)")
