"""How tests of the broker's handlers ask a session."""

from collections.abc import Callable, Coroutine
from typing import Any

# ask(session, api, version, request) -> response
Ask = Callable[..., Coroutine[Any, Any, Any]]
