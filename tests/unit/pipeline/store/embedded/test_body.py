import asyncio
import gzip
import importlib
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.embedded.body import Body, Message
from pipeline.store.embedded.errors import BodyRefused, ClientGone

lz4: Any = importlib.import_module("lz4.frame")
zstd: Any = importlib.import_module("backports.zstd")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.compress,
    "zstd": zstd.compress,
}


def body_of(
    data: bytes, *, encoding: str = "", cut: int = 7, max_bytes: int = 1 << 20, end: bool = True
) -> Body:
    """A body that comes in parts of ``cut`` bytes."""
    parts = [data[at : at + cut] for at in range(0, len(data), cut)] or [b""]
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": at < len(parts) - 1 or not end}
        for at, part in enumerate(parts)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return Body(receive, encoding=encoding, max_bytes=max_bytes, idle_seconds=0.05)


async def read(body: Body) -> bytes:
    whole = b""
    while part := await body.part():
        whole += part
    return whole


@pytest.mark.parametrize("encoding", PACKERS)
@given(data=st.binary(max_size=2000), cut=st.integers(1, 300))
def test_any_cut_of_a_packed_body_unpacks_to_the_same(encoding: str, data: bytes, cut: int) -> None:
    body = body_of(PACKERS[encoding](data), encoding=encoding, cut=cut)

    assert asyncio.run(read(body)) == data


@pytest.mark.parametrize("encoding", ["lz4", "zstd"])
async def test_frames_may_follow_each_other(encoding: str) -> None:
    packed = PACKERS[encoding](b"one ") + PACKERS[encoding](b"two")

    assert await read(body_of(packed, encoding=encoding)) == b"one two"


@pytest.mark.parametrize("encoding", PACKERS)
async def test_what_comes_out_is_bounded(encoding: str) -> None:
    packed = PACKERS[encoding](bytes(10_000_000))

    with pytest.raises(BodyRefused, match="1000000") as refused:
        await read(body_of(packed, encoding=encoding, cut=1 << 16, max_bytes=1_000_000))

    assert refused.value.status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
async def test_a_body_that_is_cut_off_is_refused(encoding: str) -> None:
    packed = PACKERS[encoding](bytes(range(256)) * 50)

    with pytest.raises(BodyRefused):
        await read(body_of(packed[:-4], encoding=encoding))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
async def test_a_body_that_is_not_what_it_says_is_refused(encoding: str) -> None:
    with pytest.raises(BodyRefused, match="unpack"):
        await read(body_of(b"this is not packed at all", encoding=encoding))


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(BodyRefused, match="snappy") as refused:
        body_of(b"", encoding="snappy")

    assert refused.value.status == 501


async def test_a_client_that_goes_in_the_middle_is_noticed() -> None:
    with pytest.raises(ClientGone):
        await read(body_of(b"half of it", end=False))


async def test_a_client_that_stops_sending_is_not_waited_for() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nothing comes")

    body = Body(never, encoding="", max_bytes=10, idle_seconds=0.01)

    with pytest.raises(BodyRefused) as refused:
        await body.part()

    assert refused.value.status == 408


async def test_the_head_says_whether_it_is_all() -> None:
    assert await body_of(b"short").head(100) == (b"short", True)

    head, is_all = await body_of(b"a" * 100).head(20)

    assert len(head) >= 20
    assert not is_all
