"""A multipart form of parameters: what clients send where a URL would be too long (RFC 7578).

ClickHouse's HTTP interface takes every parameter of the URL as a field of a form, too;
clickhouse-connect sends bound values so from 4 KB on. Files, which are external tables, are not
read.
"""

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pipeline.store.embedded.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, Refused

if TYPE_CHECKING:  # there for type checkers alone
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELDS = 1_000


def form_fields(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The names and values of a form's fields, in order.

    Raises:
        Refused: It is no form, holds a file, or has too many fields.
    """
    _, options = parse_options_header(content_type)
    reader = _Reader()
    try:
        parser = MultipartParser(options.get(b"boundary", b""), reader.callbacks)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Refused(BAD_ARGUMENTS, f"the form cannot be read: {error}") from None
    if not reader.ended:
        raise Refused(BAD_ARGUMENTS, "the form is cut off.")
    return reader.fields


class _Reader:
    """Collects fields as the parser finds their parts."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.ended = False
        self._header = self._value = b""
        self._disposition = b""
        self._data = bytearray()
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._name_part,
            "on_header_value": self._value_part,
            "on_header_end": self._header_end,
            "on_part_data": self._data_part,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.fields) >= MAX_FIELDS:
            raise Refused(BAD_ARGUMENTS, f"forms have at most {MAX_FIELDS} fields.")
        self._disposition = b""
        self._data.clear()

    def _name_part(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _value_part(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _data_part(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" in options:
            raise Refused(NOT_IMPLEMENTED, "external tables are not read here.")
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self.fields.append((name, self._data.decode("utf-8", "surrogateescape")))

    def _finish(self) -> None:
        self.ended = True
