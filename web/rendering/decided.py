"""What somebody has just decided, told on the next page together with a way to take it back. Pure.

It travels in a cookie that lives for seconds: the address stays the page's own, and a reload does
not tell it again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from web.rendering.words import plural

COOKIE = "tocsin_decided"
COOKIE_SECONDS = 20
MOST_ALERTS = 50
"""More ids do not fit into a cookie of 4 KiB; such a decision is told without an undo."""
_WORDS = {
    "acknowledge": "acknowledged",
    "close": "closed",
    "reopen": "reopened",
    "assign": "assigned",
    "note": "noted",
    "undo": "as before again",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision about alerts.

    Attributes:
        action: As the form called it.
        count: Alerts that it changed.
        ids: Which; empty if they are too many, or if it cannot be taken back.
    """

    action: str
    count: int
    ids: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """In words.

        >>> Decided(action="close", count=3).sentence, Decided(action="note", count=1).sentence
        ('3 alerts closed', '1 alert noted')
        """
        return f"{self.count} {plural(self.count, 'alert')} {_WORDS[self.action]}"


def decided(action: str, ids: Sequence[str]) -> Decided:
    """What an action did to alerts; a note and an undo are not taken back."""
    can_undo = action not in ("note", "undo") and len(ids) <= MOST_ALERTS
    return Decided(action=action, count=len(ids), ids=tuple(ids) if can_undo else ())


def to_cookie(found: Decided) -> str:
    """The cookie's value."""
    return "/".join((found.action, str(found.count), *found.ids))


def from_cookie(text: str) -> Decided | None:
    """What ``to_cookie`` wrote; None for anything else.

    >>> from_cookie(to_cookie(Decided(action="close", count=2)))
    Decided(action='close', count=2, ids=())
    >>> from_cookie("close/many"), from_cookie("drop/1"), from_cookie("")
    (None, None, None)
    """
    action, _, rest = text.partition("/")
    count, *ids = rest.split("/")
    if action not in _WORDS or not re.fullmatch(r"[1-9]\d{0,3}", count):
        return None
    if len(ids) > MOST_ALERTS or not all(map(_UUID.fullmatch, ids)):
        return None
    return Decided(action=action, count=int(count), ids=tuple(ids))
