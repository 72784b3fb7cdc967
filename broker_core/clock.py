"""Clock: the broker's only source of time, so that tests can turn it by hand."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the broker asks for the time."""

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since 1970, as Kafka's timestamps count."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000
