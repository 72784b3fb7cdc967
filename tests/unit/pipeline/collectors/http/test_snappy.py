from contextlib import suppress

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collectors.http.compression import BodyCorrupt, BodyTooLarge
from pipeline.collectors.http.snappy import decompress


@given(body=st.binary(max_size=2_000))
def test_a_block_comes_out_as_it_went_in(body: bytes) -> None:
    assert decompress(bytes(cramjam.snappy.compress_raw(body)), max_bytes=len(body)) == body


def test_a_block_that_announces_too_much_is_refused_before_it_is_unpacked() -> None:
    four_gibibytes = b"\xff\xff\xff\xff\x0f"

    with pytest.raises(BodyTooLarge, match="4294967295 bytes announced, 1000 accepted"):
        decompress(four_gibibytes, max_bytes=1_000)


@pytest.mark.parametrize("block", [b"", b"\xff" * 12, b"\x05hello", b"\x0a\x00h"])
def test_what_is_no_block_is_refused(block: bytes) -> None:
    with pytest.raises(BodyCorrupt, match="not snappy"):
        decompress(block, max_bytes=1_000)


@given(block=st.binary(max_size=200))
def test_any_bytes_are_a_body_or_a_named_refusal(block: bytes) -> None:
    with suppress(BodyCorrupt, BodyTooLarge):
        assert len(decompress(block, max_bytes=1_000)) <= 1_000
