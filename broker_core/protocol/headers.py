"""Request headers v1 and v2, response headers v0 and v1.

Every request begins with api key, version, correlation id and client id; v2 (with flexible
versions of a request) adds tagged fields. The client id keeps its old encoding in both (KIP-482).
Responses to ApiVersions always have header v0, so that clients can read them before they know
what we speak.
"""

import struct
from typing import NamedTuple

from broker_core.errors import CorruptMessage
from broker_core.protocol.api_keys import API_VERSIONS, Api
from broker_core.protocol.primitives import read_unsigned_varint

_START = struct.Struct(">hhih")
_CORRELATION = struct.Struct(">i")


class RequestHeader(NamedTuple):
    """What stands before every request; ``end`` is where its tagged fields or its body begin."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str | None
    end: int


def read_request_header(frame: bytes) -> RequestHeader:
    """Read the part that every header version has.

    Raises:
        CorruptMessage: The frame ends before it, or the client id is not UTF-8.
    """
    if len(frame) < _START.size:
        raise CorruptMessage(f"{len(frame)} bytes cannot hold a request header")
    api_key, version, correlation_id, length = _START.unpack_from(frame)
    if length < 0:
        return RequestHeader(api_key, version, correlation_id, None, _START.size)
    end = _START.size + length
    if end > len(frame):
        raise CorruptMessage(f"a client id of {length} bytes in a frame of {len(frame)}")
    try:
        client_id = str(frame[_START.size : end], "utf-8")
    except UnicodeDecodeError as error:
        raise CorruptMessage("the client id is not UTF-8") from error
    return RequestHeader(api_key, version, correlation_id, client_id, end)


def skip_tagged_fields(frame: bytes, start: int) -> int:
    """Return the position after the tagged fields of a request header v2.

    Raises:
        CorruptMessage: They do not end within the frame.
    """
    count, position = read_unsigned_varint(frame, start)
    for _ in range(count):
        _, position = read_unsigned_varint(frame, position)
        size, position = read_unsigned_varint(frame, position)
        position += size
    if position > len(frame):
        raise CorruptMessage("tagged fields of the header are cut off")
    return position


def request_header(api: Api, version: int, correlation_id: int, client_id: str) -> bytes:
    """Return the header that goes before a request."""
    name = client_id.encode()
    start = _START.pack(api.key, version, correlation_id, len(name))
    return start + name + (b"\0" if api.is_flexible(version) else b"")


def read_response_correlation(frame: bytes) -> int:
    """Read which request a response answers: the same place in every header version.

    Raises:
        CorruptMessage: The frame ends before it.
    """
    if len(frame) < _CORRELATION.size:
        raise CorruptMessage(f"{len(frame)} bytes cannot hold a response header")
    (correlation_id,) = _CORRELATION.unpack_from(frame)
    assert isinstance(correlation_id, int)
    return correlation_id


def response_body(api: Api, version: int, frame: bytes) -> int:
    """Return where the body of a response begins.

    Raises:
        CorruptMessage: The header does not end within the frame.
    """
    if api.is_flexible(version) and api is not API_VERSIONS:
        return skip_tagged_fields(frame, _CORRELATION.size)
    return _CORRELATION.size


def response_header(api: Api, version: int, correlation_id: int) -> bytes:
    """Return the header that goes before a response."""
    flexible = api.is_flexible(version) and api is not API_VERSIONS
    return _CORRELATION.pack(correlation_id) + (b"\0" if flexible else b"")
