"""How tests of the broker's handlers ask a session."""

from collections.abc import Awaitable, Callable
from typing import Any

# ask(session, api, version, request) -> response
Ask = Callable[..., Awaitable[Any]]
