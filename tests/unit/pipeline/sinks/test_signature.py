import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sinks.signature import signed_headers


@given(key=st.binary(min_size=1, max_size=64), body=st.binary(), timestamp=st.integers(0, 2**33))
def test_the_signature_is_the_hmac_of_id_timestamp_and_body(
    key: bytes, body: bytes, timestamp: int
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()

    headers = signed_headers(secret, message_id="msg_1", timestamp=timestamp, body=body)

    expected = hmac.new(key, b"msg_1.%d." % timestamp + body, hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(expected).decode(),
    }


def test_any_other_secret_is_the_key_as_it_stands() -> None:
    for secret in ("correct horse", "whsec_not base64!", "schlüssel"):
        headers = signed_headers(secret, message_id="m", timestamp=1, body=b"{}")

        expected = hmac.new(secret.encode(), b"m.1.{}", hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
