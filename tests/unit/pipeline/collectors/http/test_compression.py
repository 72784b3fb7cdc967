import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collectors.http.compression import (
    CODINGS,
    BodyCorrupt,
    BodyTooLarge,
    Decompressor,
)


def encoded(coding: str, body: bytes) -> bytes:
    match coding:
        case "gzip" | "x-gzip":
            return gzip.compress(body)
        case "deflate":
            return zlib.compress(body)
    return body


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(coding=st.sampled_from(CODINGS), body=st.binary(max_size=2_000), size=st.integers(1, 50))
def test_a_body_comes_out_however_it_arrives(coding: str, body: bytes, size: int) -> None:
    decompressor = Decompressor(coding, max_bytes=len(body))

    found = b"".join(map(decompressor.feed, pieces(encoded(coding, body), size)))
    decompressor.finish()

    assert found == body


@given(coding=st.sampled_from(CODINGS), limit=st.integers(0, 999))
def test_no_more_comes_out_than_is_allowed(coding: str, limit: int) -> None:
    decompressor = Decompressor(coding, max_bytes=limit)

    with pytest.raises(BodyTooLarge):
        decompressor.feed(encoded(coding, bytes(1_000)))


def test_a_bomb_is_stopped_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(50 << 20))

    with pytest.raises(BodyTooLarge, match="more than 1000 bytes"):
        Decompressor("gzip", max_bytes=1_000).feed(bomb)


@given(coding=st.sampled_from(CODINGS), garbage=st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_is_refused_by_name(coding: str, garbage: list[bytes]) -> None:
    decompressor = Decompressor(coding, max_bytes=1_000)

    with suppress(BodyCorrupt, BodyTooLarge):
        for piece in garbage:
            decompressor.feed(piece)
        decompressor.finish()


def test_members_one_after_another_are_one_body() -> None:
    decompressor = Decompressor("gzip", max_bytes=100)

    assert decompressor.feed(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_deflate_without_its_header_is_understood() -> None:
    raw = zlib.compressobj(wbits=-15)
    decompressor = Decompressor("deflate", max_bytes=100)

    assert decompressor.feed(raw.compress(b"hello") + raw.flush()) == b"hello"
    decompressor.finish()


def test_a_body_that_ends_too_early_is_refused() -> None:
    decompressor = Decompressor("gzip", max_bytes=100)
    decompressor.feed(gzip.compress(b"hello")[:-4])

    with pytest.raises(BodyCorrupt, match="too early"):
        decompressor.finish()
