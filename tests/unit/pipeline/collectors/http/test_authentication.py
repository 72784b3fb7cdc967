from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collectors.http.authentication import Authenticator, token_of
from pipeline.collectors.http.exchange import Problem, Request
from pipeline.schema.control import TokenGrant


class Grants:
    """Knows one token of each role, called like it."""

    async def grant_of(self, token: str) -> TokenGrant | None:
        if token not in ("viewer", "analyst", "engineer", "administrator", "ingest"):
            return None
        return TokenGrant(id=token, revision=1, digest="", role=token)


def request(authorization: bytes | None) -> Request:
    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request"}

    headers = [] if authorization is None else [(b"authorization", authorization)]
    return Request({"method": "POST", "path": "/", "headers": headers}, receive)


@pytest.mark.parametrize("form", [b"Bearer ingest", b"Splunk ingest", b"bearer   ingest  "])
async def test_a_token_is_taken_in_every_form_that_senders_know(form: bytes) -> None:
    assert (await Authenticator(Grants()).sender(request(form))).role == "ingest"


async def test_a_password_may_be_a_token_whoever_the_user() -> None:
    basic = b"Basic " + b64encode(b"prometheus:ingest")

    assert (await Authenticator(Grants()).sender(request(basic))).role == "ingest"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        (b"", 401),
        (b"Bearer", 401),
        (b"Digest abc", 401),
        (b"Bearer wrong", 401),
        (b"Basic !!!", 401),
        (b"Bearer viewer", 403),
        (b"Bearer analyst", 403),
    ],
)
async def test_who_may_not_send_is_told_why(authorization: bytes | None, status: int) -> None:
    with pytest.raises(Problem) as refusal:
        await Authenticator(Grants()).sender(request(authorization))

    assert refusal.value.status == status
    has_challenge = any(name == b"www-authenticate" for name, _ in refusal.value.headers)
    assert has_challenge == (status == 401)


@given(authorization=st.text(max_size=100))
def test_any_header_holds_a_token_or_none(authorization: str) -> None:
    token = token_of(authorization)

    assert token is None or token
