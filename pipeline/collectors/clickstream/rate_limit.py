"""How often one address may ask: a bucket of requests that fills with time. Pure."""

MAX_ADDRESSES = 50_000


class RateLimit:
    """Buckets by address; those who have not asked for longest are forgotten first.

    >>> limit = RateLimit(per_minute=2)
    >>> [limit.allows("203.0.113.9", at) for at in (0.0, 0.0, 0.0, 30.0, 30.0)]
    [True, True, False, True, False]

    Args:
        per_minute: Requests a minute; as many at once after a quiet minute.
    """

    __slots__ = ("_buckets", "_per_minute")

    def __init__(self, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and as of when

    def allows(self, address: str, now: float) -> bool:
        """Whether this request is within the limit; counts it if so.

        Args:
            address: Who asks.
            now: Seconds of a clock that does not go back.
        """
        full = float(self._per_minute)
        left, since = self._buckets.pop(address, (full, now))
        left = min(full, left + (now - since) * full / 60)
        is_allowed = left >= 1
        if len(self._buckets) >= MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[address] = (left - 1 if is_allowed else left, now)
        return is_allowed
