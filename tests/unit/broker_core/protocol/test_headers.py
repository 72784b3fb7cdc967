"""Request and response headers."""

import pytest

from broker_core.errors import CorruptMessage
from broker_core.protocol.api_keys import API_VERSIONS, FETCH
from broker_core.protocol.headers import (
    read_request_header,
    response_header,
    skip_tagged_fields,
)

START = b"\x00\x01\x00\x0c\x00\x00\x00\x07"


def test_a_header_with_a_client_id() -> None:
    header = read_request_header(START + b"\x00\x03abcBODY")

    assert header[:4] == (1, 12, 7, "abc")
    assert header.end == 13


def test_a_header_without_a_client_id() -> None:
    assert read_request_header(START + b"\xff\xff").client_id is None


@pytest.mark.parametrize("rest", [b"", b"\x00", b"\x00\x04abc", b"\x00\x01\xff", b"\x7f\xff"])
def test_a_header_that_cannot_be_read(rest: bytes) -> None:
    with pytest.raises(CorruptMessage):
        read_request_header(START + rest)


def test_tagged_fields_of_the_header_are_skipped() -> None:
    assert skip_tagged_fields(b"\x00BODY", 0) == 1
    assert skip_tagged_fields(b"\x02\x00\x01x\x05\x02yzBODY", 0) == 8


@pytest.mark.parametrize(
    "fields", [b"", b"\x01", b"\x01\x00\x05x", b"\xff\xff\xff\xff\x0f\x00\x00"]
)
def test_tagged_fields_that_do_not_end_are_refused(fields: bytes) -> None:
    with pytest.raises(CorruptMessage):
        skip_tagged_fields(fields, 0)


def test_response_headers_have_tags_in_flexible_versions_but_for_api_versions() -> None:
    assert response_header(FETCH, 11, 7) == b"\0\0\0\7"
    assert response_header(FETCH, 12, 7) == b"\0\0\0\7\0"
    assert response_header(API_VERSIONS, 4, 7) == b"\0\0\0\7"
