"""Admission: how many clients may be connected, in all and from one address. For the event loop."""

from collections import Counter

from broker_core.metrics import CONNECTIONS


class Admission:
    """Counts the connections of all listeners together, from the first packet of each."""

    def __init__(self, *, connections: int, connections_per_address: int) -> None:
        self._limit = connections
        self._limit_per_address = connections_per_address
        self._by_address: Counter[str] = Counter()

    def refusal(self, address: str) -> str | None:
        """Let somebody in, or say why not: ``too_many`` or ``too_many_of_address``."""
        if self._by_address.total() >= self._limit:
            return "too_many"
        if self._by_address[address] >= self._limit_per_address:
            return "too_many_of_address"
        self._by_address[address] += 1
        CONNECTIONS.inc()
        return None

    def leave(self, address: str) -> None:
        """Take note that somebody who was let in is gone."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        CONNECTIONS.dec()
