"""The whole day, in order: everything ordinary and the break-in before its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

from appliance.demo import (
    break_in,
    intrusion_windows,
    ordinary_linux,
    ordinary_network,
    ordinary_web,
    ordinary_windows,
    reconnaissance,
)
from appliance.demo.company import found_company
from appliance.demo.message import DemoMessage

LENGTH = timedelta(days=1)
_ORDINARY = (
    ordinary_web.visits,
    ordinary_web.crawlers,
    ordinary_linux.logins,
    ordinary_linux.services,
    ordinary_linux.metrics,
    ordinary_windows.workdays,
    ordinary_windows.servers,
    ordinary_network.sessions,
    ordinary_network.noise,
)
_BREAK_IN = (reconnaissance.stages, break_in.stages, intrusion_windows.stages)


def generate(seed: int, end: datetime) -> Iterator[DemoMessage]:
    """The day that ends at ``end``, by time; the same for the same arguments, anywhere.

    Args:
        seed: Which company it is, and what happens to it.
        end: An aware time; the break-in lies in the hour before it.
    """
    company = found_company(seed)
    end = end.astimezone(UTC).replace(microsecond=0)
    start = end - LENGTH
    messages = [
        message
        for message in chain(
            *(part(company, seed, start, end) for part in _ORDINARY),
            *(part(company, seed, end) for part in _BREAK_IN),
        )
        if start <= message.time < end
    ]
    messages.sort(key=lambda message: message.time)  # stable: what a device wrote stays in order
    yield from messages
