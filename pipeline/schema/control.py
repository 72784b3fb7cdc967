"""What an operator may decide, as records of the ``control`` topic.

A record's key is ``kind:id``; its value one of these, or empty when the decision is withdrawn.
Consumers ignore a revision older than one they have seen.
"""

import msgspec

from pipeline.errors import UndecodableRecord


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


Decision = TokenGrant | WebhookDestination | RuleState

_decoder: msgspec.json.Decoder[Decision] = msgspec.json.Decoder(Decision)


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
        return _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"not a decision: {error}") from error
