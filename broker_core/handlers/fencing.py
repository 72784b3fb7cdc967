"""How a fenced producer is told: clients before KIP-588 do not know PRODUCER_FENCED. Pure."""

from broker_core.error_codes import ErrorCode
from broker_core.errors import BrokerError, ProducerFenced


def fenced_code(error: BrokerError, version: int, known_since: int) -> ErrorCode:
    """Return the error's code in the words of a request's version."""
    if isinstance(error, ProducerFenced) and version < known_since:
        return ErrorCode.INVALID_PRODUCER_EPOCH
    return error.code
