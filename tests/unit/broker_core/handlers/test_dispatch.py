"""Which requests reach a handler, and what becomes of the others."""

import importlib

import pytest

from broker_core.errors import (
    BrokerError,
    ConnectionRefused,
    CorruptMessage,
    ErrorCode,
    MessageTooLarge,
    UnsupportedVersion,
)
from broker_core.handlers.dispatch import HANDLERS, MAX_DECODED_BYTES, ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import API_VERSIONS, APIS, Api
from broker_core.protocol.controller_apis import NODE_APIS
from broker_core.protocol.decoder import decode
from broker_core.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from tests.support.broker_requests import Ask


def test_every_advertised_api_has_a_handler_and_no_other() -> None:
    assert list(HANDLERS) == [*APIS.values(), *NODE_APIS.values()]


@pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)
def test_a_handlers_docstring_begins_with_its_key_and_versions(api: Api) -> None:
    name = api.module.rsplit(".", 1)[-1]
    module = importlib.import_module(f"broker_core.handlers.{name}")

    versions = f"versions {api.min_version} to {api.max_version}:"
    if api.min_version == api.max_version:
        versions = f"version {api.min_version}:"
    assert module.__doc__ is not None
    assert module.__doc__.startswith(f"API key {api.key}, {api.name}, {versions}")
    assert "\nNot done: " in module.__doc__


@pytest.mark.parametrize("version", range(5))
async def test_api_versions_says_what_the_table_says(
    services: Services, ask: Ask, version: int
) -> None:
    session = ClientSession(services, "127.0.0.1")

    answer = await ask(session, API_VERSIONS, version, ApiVersionsRequest())

    assert answer.error_code == 0
    assert [(each.api_key, each.min_version, each.max_version) for each in answer.api_keys] == [
        (api.key, api.min_version, api.max_version) for api in APIS.values()
    ]


async def test_a_newer_api_versions_is_answered_in_version_0_with_error_35(
    services: Services,
) -> None:
    session = ClientSession(services, "127.0.0.1")

    parts = await session.answer(b"\x00\x12\x00\x63\x00\x00\x00\x05\xff\xffwhatever")

    data = b"".join(parts)
    answer = decode(ApiVersionsResponse, 0, flexible=False, data=data, start=4)
    assert data[:4] == b"\0\0\0\5"
    assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert len(answer.api_keys) == len(APIS)


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"", CorruptMessage),
        (b"\x03\xe7\x00\x00\x00\x00\x00\x05\xff\xff", UnsupportedVersion),
        (b"\x00\x01\x00\x63\x00\x00\x00\x05\xff\xff", UnsupportedVersion),
        (b"\x00\x03\x00\x01\x00\x00\x00\x05\xff\xff", CorruptMessage),
        (
            b"\x00\x03\x00\x01\x00\x00\x00\x05\xff\xff" + bytes(MAX_DECODED_BYTES),
            MessageTooLarge,
        ),
    ],
    ids=["empty", "unknown api", "unknown version", "no body", "too large to decode"],
)
async def test_what_cannot_be_read_closes_the_connection(
    services: Services, frame: bytes, error: type[BrokerError]
) -> None:
    with pytest.raises(error):
        await ClientSession(services, "127.0.0.1").answer(frame)


@pytest.mark.parametrize("host", ["10.0.0.5", "2001:db8::1", ""])
async def test_a_stranger_must_sign_in_first_and_may_send_little(
    services: Services, host: str
) -> None:
    session = ClientSession(services, host)

    assert session.max_frame_bytes == services.settings.max_unauthenticated_frame_bytes
    with pytest.raises(ConnectionRefused, match="Metadata before signing in"):
        await session.answer(b"\x00\x03\x00\x01\x00\x00\x00\x05\xff\xff\xff\xff\xff\xff")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
async def test_loopback_is_known_in_all_its_forms(services: Services, host: str) -> None:
    session = ClientSession(services, host)

    assert session.max_frame_bytes == services.settings.max_frame_bytes
