"""Client quotas: which limit applies to whom, and how long somebody has to pause for it. Pure.

An entity is a user, a client id, or both, each by name or as the default (None). For a client the
most particular entity counts, in Kafka's order (KIP-55). Whoever falls under the same quota shares
it; a default is one for each name it stands for.

Names and meanings: KIP-13, KIP-55, KIP-219, KIP-546.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

USER, CLIENT_ID = "user", "client-id"
PRODUCER_BYTE_RATE, CONSUMER_BYTE_RATE = "producer_byte_rate", "consumer_byte_rate"
KEYS = frozenset({PRODUCER_BYTE_RATE, CONSUMER_BYTE_RATE})
LONGEST_PAUSE_SECONDS = 30.0
SHORTEST_PAUSE_SECONDS = 0.001  # what the protocol can say
BURST_SECONDS = 1.0

Entity = tuple[tuple[str, str | None], ...]  # sorted by type: client-id before user
Quotas = Mapping[Entity, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A quota as it applies to one client.

    Attributes:
        shared_by: Clients with the same value share the rate.
        rate: Bytes a second.
    """

    shared_by: tuple[str | None, str | None]
    rate: float


def entity(user: str | None = None, client_id: str | None = None, *, default: str = "") -> Entity:
    """An entity by its names.

    >>> entity(user="ada"), entity(client_id="x", default="user")
    ((('user', 'ada'),), (('client-id', 'x'), ('user', None)))

    Args:
        default: ``user``, ``client-id`` or both with a space between: what stands for all.
    """
    named = {USER: user, CLIENT_ID: client_id}
    parts: dict[str, str | None] = dict.fromkeys(default.split())
    parts.update((kind, name) for kind, name in named.items() if name is not None)
    return tuple(sorted(parts.items()))


def limit_of(quotas: Quotas, key: str, user: str, client_id: str) -> Limit | None:
    """Return what applies to a client, None if nothing does."""
    for candidate, shared_by in _candidates(user, client_id):
        rate = quotas.get(candidate, {}).get(key)
        if rate is not None:
            return Limit(shared_by, rate)
    return None


def _candidates(
    user: str, client_id: str
) -> Iterator[tuple[Entity, tuple[str | None, str | None]]]:
    """Entities from the most to the least particular, with who shares their quota."""
    both, one_user, one_client = (user, client_id), (user, None), (None, client_id)
    yield entity(user, client_id), both
    yield entity(user, default=CLIENT_ID), both
    yield entity(user), one_user
    yield entity(client_id=client_id, default=USER), both
    yield entity(default=f"{USER} {CLIENT_ID}"), both
    yield entity(default=USER), one_user
    yield entity(client_id=client_id), one_client
    yield entity(default=CLIENT_ID), one_client


class Meter:
    """What clients have used of their rates: a bucket that fills with time for each limit.

    A client may use a second's worth at once; who takes more has to pause until it is made up.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[str, Limit], tuple[float, float]] = {}

    def pause_seconds(self, key: str, limit: Limit, used_bytes: int, now: float) -> float:
        """Take ``used_bytes`` and return how long the client has to pause; 0 if it need not.

        Args:
            now: Seconds, from any clock that does not go back.
        """
        full = limit.rate * BURST_SECONDS
        left, at = self._left.get((key, limit), (full, now))
        left = min(full, left + max(0.0, now - at) * limit.rate) - used_bytes
        left = max(left, -limit.rate * LONGEST_PAUSE_SECONDS)
        self._left[key, limit] = (left, now)
        pause = -left / limit.rate
        return pause if pause >= SHORTEST_PAUSE_SECONDS else 0.0

    def forget_full(self, now: float) -> None:
        """Forget whoever has used nothing for so long that it makes no difference."""
        self._left = {
            known: (left, at)
            for known, (left, at) in self._left.items()
            if left + (now - at) * known[1].rate < known[1].rate * BURST_SECONDS
        }

    def __len__(self) -> int:
        return len(self._left)
