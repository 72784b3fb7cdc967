"""Frames that a client could send to hurt: valid requests with bytes changed where it may matter.

``python -m tests.support.fuzz --seconds 600`` goes on for as long as one likes;
``tests/property/test_request_fuzz.py`` runs a little of it.
"""

import argparse
import random
import struct
import sys
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

from broker_core.errors import BrokerError
from broker_core.protocol.api_keys import APIS, Api
from broker_core.protocol.decoder import compile_decoder, decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.headers import read_request_header, skip_tagged_fields
from broker_core.protocol.message import Field, fields_of
from broker_core.protocol.primitives import Kind

BYTES_PER_BYTE = 160  # what decoding may take for each byte of a frame
BYTES_ALWAYS = 64 << 10
_TELLING = [
    b"\x00",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xc3\x28",
]


def value_of(rng: random.Random, field: Field, version: int, flexible: bool) -> Any:
    """Some value that the field may have."""
    if field.nullable and rng.random() < 0.2:
        return None
    if field.is_array:
        return tuple(_one(rng, field, version, flexible) for _ in range(rng.randrange(4)))
    return _one(rng, field, version, flexible)


def _one(rng: random.Random, field: Field, version: int, flexible: bool) -> Any:
    kind = field.kind
    if not isinstance(kind, Kind):
        return message_of(rng, kind, version, flexible)
    if kind is Kind.STRING:
        return "".join(rng.choices("aé\0∞", k=rng.randrange(8)))
    if kind is Kind.BOOLEAN:
        return rng.random() < 0.5
    if kind is Kind.FLOAT64:
        return rng.random()
    if kind in (Kind.BYTES, Kind.RECORDS):
        return rng.randbytes(rng.randrange(16))
    if kind is Kind.UUID:
        return rng.randbytes(16)
    (number,) = struct.unpack(">" + kind.value, rng.randbytes(struct.calcsize(">" + kind.value)))
    return number


def message_of(rng: random.Random, message: type, version: int, flexible: bool) -> Any:
    """Some message of that kind."""
    present, _ = fields_of(message, version, flexible)
    return message(**{field.name: value_of(rng, field, version, flexible) for field in present})


def frame_of(rng: random.Random, api: Api, version: int) -> bytes:
    """A valid request, as it travels."""
    flexible = api.is_flexible(version)
    header = struct.pack(">hhih", api.key, version, rng.getrandbits(31), 3) + b"abc"
    body = encode(message_of(rng, api.request, version, flexible), version, flexible=flexible)
    return header + (b"\0" if flexible else b"") + b"".join(body)


def mutated(rng: random.Random, frame: bytes) -> bytes:
    """The same with bytes changed, put in, taken out or repeated, behind the key and version."""
    changed = bytearray(frame)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(4, len(changed) + 1)
        choice = rng.randrange(5)
        if choice == 0:
            changed[at : at + 1] = rng.randbytes(1)
        elif choice == 1:
            telling = rng.choice(_TELLING)
            changed[at : at + len(telling)] = telling
        elif choice == 2:
            changed[at:at] = rng.choice(_TELLING)
        elif choice == 3:
            del changed[at : at + rng.randrange(1, 9)]
        else:
            changed[at:at] = bytes(changed[at : at + rng.randrange(1, 64)]) * rng.randrange(1, 64)
    return bytes(changed)


def decoding(frame: bytes, api: Api, version: int) -> int:
    """Decode a frame as the broker does; return the most bytes that took beside the frame.

    Raises whatever is not a BrokerError.
    """
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        header = read_request_header(frame)
        flexible = api.is_flexible(version)
        start = skip_tagged_fields(frame, header.end) if flexible else header.end
        decode(api.request, version, flexible=flexible, data=frame, start=start)
    except BrokerError:
        pass
    _, peak = tracemalloc.get_traced_memory()
    return peak - before


def attack(api: Api, version: int, *, seed: int, frames: int) -> float:
    """Decode that many changed frames; return the most bytes that one took for each of its own.

    Raises:
        AssertionError: One took more than it may; the message has its bytes.
    """
    rng = random.Random(f"{api.name} {version} {seed}")
    compile_decoder(api.request, version, api.is_flexible(version))
    worst = 0.0
    tracemalloc.start()
    try:
        for _ in range(frames):
            frame = mutated(rng, frame_of(rng, api, version))
            taken = decoding(frame, api, version)
            allowed = BYTES_ALWAYS + BYTES_PER_BYTE * len(frame)
            assert taken <= allowed, f"{taken} bytes for {len(frame)}: {frame.hex()}"
            worst = max(worst, taken / len(frame))
    finally:
        tracemalloc.stop()
    return worst


def main(arguments: Sequence[str]) -> int:
    """Attack every decoder in turn until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parsed = parser.parse_args(arguments)
    ends, seed, tried = time.monotonic() + parsed.seconds, parsed.seed, 0
    while time.monotonic() < ends:
        for api in APIS.values():
            for version in range(api.min_version, api.max_version + 1):
                attack(api, version, seed=seed, frames=20)
                tried += 20
        seed += 1
    sys.stdout.write(f"{tried} frames, seeds {parsed.seed} to {seed - 1}: nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
