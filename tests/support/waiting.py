"""Waiting for what other processes do: on a condition, with one generous bound for all tests."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0


def until(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once the condition holds; fail with its name when it does not.

    Args:
        condition: Everything that the test goes on to assert of what it waited for.
        what: Named when the time is over.
        seconds: The bound; a loaded machine needs far more than an idle one.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
