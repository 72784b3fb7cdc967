"""What an operator may decide, as records of the ``control`` topic.

A record's key is ``kind:id``; its value one of these, or empty when the decision is withdrawn.
Consumers ignore a revision older than one they have seen.
"""

from datetime import datetime
from hashlib import sha256

import msgspec

from pipeline.errors import UndecodableRecord
from pipeline.schema.event import uuid8


class TokenGrant(msgspec.Struct, frozen=True, kw_only=True, tag="token"):
    """An API token that collectors accept.

    Attributes:
        id: Its public name.
        revision: Counts up with every change of this token.
        digest: SHA-256 of the token, 64 hex digits; the token itself is shown once only.
        role: viewer, analyst, engineer, administrator or ingest.
        revoked: No longer good.
    """

    id: str
    revision: int
    digest: str
    role: str
    revoked: bool = False


class WebhookDestination(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    """Where alerts are sent.

    Attributes:
        id: Its public name.
        revision: Counts up with every change of this destination.
        url: An http or https address.
        secret: Key of the HMAC-SHA256 signature.
        minimum_level: Alerts below it are not sent.
        enabled: Whether anything is sent at all.
    """

    id: str
    revision: int
    url: str
    secret: str
    minimum_level: str = "medium"
    enabled: bool = True


class WebhookTest(msgspec.Struct, frozen=True, kw_only=True, tag="webhook-test"):
    """That somebody wants to see whether a destination hears of us: one delivery, no retry.

    The sink answers with a delivery of the "alert" ``webhook_test_id(…)``.

    Attributes:
        id: The destination's.
        revision: Counts up with every press of the button.
        asked: When, in UTC; what is older than a day is not sent any more.
        asked_by: The account.
    """

    id: str
    revision: int
    asked: datetime
    asked_by: str


class RuleState(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """Whether a rule is evaluated.

    Attributes:
        id: The Sigma rule's id.
        revision: Counts up with every change of this state.
        enabled: Whether the detectors evaluate it.
    """

    id: str
    revision: int
    enabled: bool = True


Decision = TokenGrant | WebhookDestination | WebhookTest | RuleState

_decoder: msgspec.json.Decoder[Decision] = msgspec.json.Decoder(Decision)


def webhook_test_id(destination: str, revision: int) -> str:
    """What stands for the alert's id where a test is delivered: the same press, the same id."""
    return str(uuid8(sha256(f"webhook-test\0{destination}\0{revision}".encode()).digest()))


def decision_key(decision: Decision) -> bytes:
    """The record key: what later records of the same decision replace."""
    return f"{decision.__struct_config__.tag}:{decision.id}".encode()


def encode_decision(decision: Decision) -> bytes:
    """The record value of a decision; its ``type`` member says which."""
    return msgspec.json.encode(decision)


def decode_decision(value: bytes) -> Decision:
    """The decision in a record value.

    Raises:
        UndecodableRecord: The value is none of the decisions this version knows.
    """
    try:
        found = _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"not a decision: {error}") from error
    if isinstance(found, WebhookTest) and found.asked.tzinfo is None:
        raise UndecodableRecord("not a decision: its time carries no time zone")
    return found
