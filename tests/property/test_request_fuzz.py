"""Every request decoder under changed frames: nothing but a BrokerError, and bounded memory."""

import tracemalloc

import pytest

from broker_core.errors import CorruptMessage
from broker_core.handlers.dispatch import MAX_DECODED_BYTES
from broker_core.protocol.api_keys import APIS, METADATA, Api
from broker_core.protocol.decoder import decode
from tests.support.fuzz import BYTES_PER_BYTE, attack, decoding

REQUESTS = [
    pytest.param(api, version, id=f"{api.name}-v{version}")
    for api in APIS.values()
    for version in range(api.min_version, api.max_version + 1)
]


@pytest.mark.parametrize(("api", "version"), REQUESTS)
def test_changed_frames_cost_their_sender_only(api: Api, version: int) -> None:
    assert attack(api, version, seed=1, frames=60) >= 0


@pytest.mark.parametrize("count", [2**31 - 1, 2**20])
def test_a_length_that_is_only_announced_reserves_nothing(count: int) -> None:
    body = b"\0\3\0\1\0\0\0\5\xff\xff" + count.to_bytes(4, "big")
    tracemalloc.start()
    try:
        taken = decoding(body, METADATA, 1)
    finally:
        tracemalloc.stop()

    assert taken < 64 << 10
    with pytest.raises(CorruptMessage, match="announces"):
        decode(METADATA.request, 1, flexible=False, data=body, start=10)


def test_the_largest_request_that_is_decoded_takes_a_bounded_multiple_of_itself() -> None:
    names = MAX_DECODED_BYTES // 16 // 3
    frame = b"\0\3\0\1\0\0\0\5\xff\xff" + names.to_bytes(4, "big") + b"\0\1a" * names
    tracemalloc.start()
    try:
        taken = decoding(frame, METADATA, 1)
    finally:
        tracemalloc.stop()

    assert taken < BYTES_PER_BYTE * len(frame)
