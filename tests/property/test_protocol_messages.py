"""Every message and version, byte for byte against kio (generated from Kafka's definitions)."""

import datetime
import io
import uuid
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode as KioErrorCode
from kio.serial import entity_reader, entity_writer

from broker_core.errors import CorruptMessage
from broker_core.protocol.api_keys import APIS, Api
from broker_core.protocol.controller_apis import CONTROLLER_APIS, NODE_APIS
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.message import OUR_TAGS, Field, fields_of
from broker_core.protocol.primitives import NO_UUID, Kind

OURS_ALONE = 10_000  # keys from here on are none of Kafka's
EVERY_API = (*APIS.values(), *CONTROLLER_APIS.values(), *NODE_APIS.values())
CASES = [
    pytest.param(api, version, side, id=f"{api.name}-v{version}-{side}")
    for api in EVERY_API
    if api.key < OURS_ALONE
    for version in range(api.min_version, api.max_version + 1)
    for side in ("request", "response")
]
INTEGERS = {
    Kind.INT8: st.integers(-(2**7), 2**7 - 1),
    Kind.INT16: st.integers(-(2**15), 2**15 - 1),
    Kind.UINT16: st.integers(0, 2**16 - 1),
    Kind.INT32: st.integers(-(2**31), 2**31 - 1),
    Kind.UINT32: st.integers(0, 2**32 - 1),
    Kind.INT64: st.integers(-(2**63), 2**63 - 1),
}
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    **INTEGERS,
    Kind.BOOLEAN: st.booleans(),
    Kind.FLOAT64: st.floats(allow_nan=False),
    Kind.STRING: st.text(max_size=20),
    Kind.BYTES: st.binary(max_size=200),
    Kind.RECORDS: st.binary(max_size=200),
    Kind.UUID: st.binary(min_size=16, max_size=16),
}
ERROR_CODES = st.sampled_from([int(code) for code in KioErrorCode])


def value_of(field: Field, version: int, flexible: bool) -> st.SearchStrategy[Any]:
    if isinstance(field.kind, Kind):
        values = VALUES[field.kind]
        if field.name.endswith("error_code"):
            values = ERROR_CODES
        elif field.name == "log_append_time_ms":
            values = st.integers(-1, 2**41)
        elif field.name.endswith("_ms") and field.kind is Kind.INT64:
            values = st.integers(0, 2**41)
    else:
        values = message_of(field.kind, version, flexible)
    if field.is_array:
        values = st.lists(values, max_size=3).map(tuple)
    return st.none() | values if field.nullable else values


def message_of(message: type, version: int, flexible: bool) -> st.SearchStrategy[Any]:
    present, _ = fields_of(message, version, flexible)
    fields = {
        field.name: value_of(field, version, flexible) for field in present if is_kafkas(field)
    }
    return st.fixed_dictionaries(fields).map(lambda values: message(**values))


def is_kafkas(field: Field) -> bool:
    return field.tag is None or field.tag < OUR_TAGS


def kio_class(api: Api, version: int, side: str) -> Any:
    snake = api.module.rsplit(".", 1)[-1]
    return getattr(import_module(f"kio.schema.{snake}.v{version}.{side}"), api.name + side.title())


def plain(value: Any) -> Any:
    """Our and kio's values on common ground: units as integers, nulls as their wire value."""
    if isinstance(value, datetime.timedelta):
        return round(value / datetime.timedelta(milliseconds=1))
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, tuple):
        return tuple(NO_UUID if each is None else plain(each) for each in value)
    return value


def assert_same(ours: Any, theirs: Any, version: int, flexible: bool) -> None:
    present, _ = fields_of(type(ours), version, flexible)
    for field in filter(is_kafkas, present):
        name = field.name
        if not hasattr(theirs, name):
            name = name.removesuffix("_ms")
        mine, other = getattr(ours, field.name), getattr(theirs, name)
        if isinstance(field.kind, Kind):
            if other is None and not field.nullable:
                other = NO_UUID if field.kind is Kind.UUID else -1
            assert plain(mine) == plain(other), field.name
        elif mine is not None and not field.is_array:
            assert_same(mine, other, version, flexible)
        elif mine is not None:
            for one, two in zip(mine, other, strict=True):
                assert_same(one, two, version, flexible)


@pytest.mark.parametrize(("api", "version", "side"), CASES)
@settings(max_examples=12)
@given(data=st.data())
def test_bytes_are_those_of_kafkas_own_definitions(
    api: Api, version: int, side: str, data: st.DataObject
) -> None:
    flexible = version >= api.flexible_since
    message = data.draw(message_of(getattr(api, side), version, flexible))
    kio = kio_class(api, version, side)

    encoded = b"".join(encode(message, version, flexible=flexible))
    theirs, read = entity_reader(kio)(encoded, 0)
    buffer = io.BytesIO()
    entity_writer(kio)(buffer, theirs)

    assert read == len(encoded)
    assert_same(message, theirs, version, flexible)
    assert buffer.getvalue() == encoded
    decoded = decode(getattr(api, side), version, flexible=flexible, data=encoded)
    assert b"".join(encode(decoded, version, flexible=flexible)) == encoded
    assert_same(decoded, theirs, version, flexible)


REQUESTS = [
    pytest.param(api, version, id=f"{api.name}-v{version}")
    for api in EVERY_API
    for version in range(api.min_version, api.max_version + 1)
]


@pytest.mark.parametrize(("api", "version"), REQUESTS)
@settings(max_examples=12)
@given(data=st.data())
def test_garbage_is_a_corrupt_message_and_nothing_else(
    api: Api, version: int, data: st.DataObject
) -> None:
    flexible = version >= api.flexible_since
    message = data.draw(message_of(api.request, version, flexible))
    good = bytearray(b"".join(encode(message, version, flexible=flexible)))
    for position in data.draw(st.lists(st.integers(0, max(0, len(good) - 1)), max_size=3)):
        if good:
            good[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    tail = data.draw(st.binary(max_size=8))

    for garbage in (bytes(good), bytes(good[:cut]), bytes(good) + tail):
        try:
            decode(api.request, version, flexible=flexible, data=garbage)
        except CorruptMessage:
            continue


@pytest.mark.parametrize(("api", "version"), REQUESTS)
@settings(max_examples=12)
@given(message=st.data())
def test_every_cut_of_a_request_is_a_corrupt_message(
    api: Api, version: int, message: st.DataObject
) -> None:
    flexible = version >= api.flexible_since
    value = message.draw(message_of(api.request, version, flexible))
    encoded = b"".join(encode(value, version, flexible=flexible))
    for cut in range(len(encoded)):
        with pytest.raises(CorruptMessage):
            decode(api.request, version, flexible=flexible, data=encoded[:cut])
