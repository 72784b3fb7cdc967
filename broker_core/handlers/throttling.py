"""Client quotas at work: whoever sends or fetches too much is told and then paused (KIP-219).

The answer goes out at once and says how long the pause is; for that time nothing more is read from
the connection, so that a client that does not listen is slowed too. For the event loop.
"""

import time
from dataclasses import replace

from broker_core.metrics import THROTTLED
from broker_core.policy.policy_store import PolicyStore
from broker_core.policy.quota import CONSUMER_BYTE_RATE, PRODUCER_BYTE_RATE, Meter, limit_of
from broker_core.protocol.messages.fetch import FetchResponse
from broker_core.protocol.messages.produce import ProduceResponse

FORGET_ABOVE = 10_000  # buckets; then those that are full again are forgotten


class Throttle:
    """What all clients of a broker have used of their quotas."""

    def __init__(self, policy: PolicyStore) -> None:
        self._policy = policy
        self._meter = Meter()

    def charge(
        self, response: object | None, request_bytes: int, user: str, client_id: str
    ) -> tuple[object | None, float]:
        """Charge a request that was answered, or a produce request without an answer.

        Returns:
            The answer, which says how long the client is paused, and that in seconds.
        """
        if not self._policy.current.quotas:
            return response, 0.0
        if isinstance(response, FetchResponse):
            size = sum(
                len(partition.records or b"")
                for topic in response.responses
                for partition in topic.partitions
            )
            pause = self._pause(CONSUMER_BYTE_RATE, size, user, client_id)
            return replace(response, throttle_time_ms=round(pause * 1000)), pause
        if response is not None and not isinstance(response, ProduceResponse):
            return response, 0.0
        pause = self._pause(PRODUCER_BYTE_RATE, request_bytes, user, client_id)
        if response is None:
            return None, pause
        return replace(response, throttle_time_ms=round(pause * 1000)), pause

    def _pause(self, key: str, size: int, user: str, client_id: str) -> float:
        limit = limit_of(self._policy.current.quotas, key, user, client_id)
        if limit is None:
            return 0.0
        now = time.monotonic()
        if len(self._meter) > FORGET_ABOVE:
            self._meter.forget_full(now)
        pause = self._meter.pause_seconds(key, limit, size, now)
        if pause:
            THROTTLED.labels(key).inc()
        return pause
