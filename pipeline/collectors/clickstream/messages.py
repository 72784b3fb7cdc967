"""What a browser tells, as fields of a click: Segment's messages and the pixel's parameters. Pure.

Segment's HTTP API: a message has ``type`` (page, track, identify …), ``event``, ``anonymousId``,
``userId``, ``timestamp``, ``sentAt``, ``properties`` and ``context.page``. Everything in it is a
claim of a stranger's browser: texts are cut, numbers of properties bounded, clocks corrected.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pipeline.errors import MessageRejected
from pipeline.schema.event import Value
from pipeline.schema.flatten import flatten

MAX_TEXT_CHARACTERS = 2_000
MAX_ID_CHARACTERS = 200
MAX_PROPERTIES = 100
PROPERTY_PREFIX = "click.properties."

_OURS = frozenset({"target", "url", "title", "referrer"})  # told under names of their own
# Names of the pixel's parameters, short because they stand in an address.
_PIXEL = {
    "u": "url.full",
    "r": "http.request.referrer",
    "t": "click.title",
    "v": "click.visitor",
    "s": "click.session",
    "x": "click.target",
}


class ClickRejected(MessageRejected):
    """A message that tells no click; says why."""


def click_fields(message: object, *, site: str) -> dict[str, Value]:
    """The fields of one message.

    Raises:
        ClickRejected: It is no object, has no ``type`` (nor an ``event``), or a text is no text.
    """
    if not isinstance(message, dict):
        raise ClickRejected("a message is a JSON object")
    properties = _object(message, "properties")
    context = _object(message, "context")
    page = _object(context, "page")
    fields: dict[str, Value] = {"click.site": site, "click.event": _event(message)}
    for name, value, limit in (
        ("click.visitor", message.get("anonymousId"), MAX_ID_CHARACTERS),
        ("click.session", context.get("sessionId"), MAX_ID_CHARACTERS),
        ("user.name", message.get("userId"), MAX_ID_CHARACTERS),
        ("url.full", page.get("url") or properties.get("url"), MAX_TEXT_CHARACTERS),
        ("click.title", page.get("title") or properties.get("title"), MAX_TEXT_CHARACTERS),
        (
            "http.request.referrer",
            page.get("referrer") or properties.get("referrer"),
            MAX_TEXT_CHARACTERS,
        ),
        ("click.target", properties.get("target"), MAX_TEXT_CHARACTERS),
    ):
        if value not in (None, ""):
            fields[name] = str(value)[:limit]
    _add_properties(fields, properties)
    return fields


def pixel_fields(parameters: Mapping[str, str], *, site: str) -> dict[str, Value]:
    """The fields of a pixel's parameters: ``e`` the event, ``u`` the page's address, and so on."""
    event = parameters.get("e", "page")[:MAX_ID_CHARACTERS]
    fields: dict[str, Value] = {"click.site": site, "click.event": event}
    for short, name in _PIXEL.items():
        if value := parameters.get(short):
            fields[name] = value[:MAX_TEXT_CHARACTERS]
    return fields


def click_time(message: object, sent_at: object, received: datetime) -> datetime | None:
    """When it happened, by our clock as far as that can be told; None without a readable time.

    A browser's clock may be wrong by years, but how long before sending it happened is right:
    ``received - (sentAt - timestamp)``, as Segment does.
    """
    if not isinstance(message, dict):
        return None
    time = _time(message.get("timestamp"))
    if time is None:
        return None
    sent = _time(message.get("sentAt")) or _time(sent_at)
    if sent is None or sent < time:
        return time
    return received - (sent - time)


def _event(message: Mapping[str, object]) -> str:
    kind = message.get("type")
    if kind == "track" or kind is None:
        event = message.get("event")
        if not isinstance(event, str) or not event:
            raise ClickRejected("a track message has an event")
        return event[:MAX_ID_CHARACTERS]
    if not isinstance(kind, str):
        raise ClickRejected("type is a text: page, track or identify")
    return kind[:MAX_ID_CHARACTERS]


def _object(container: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = container.get(name)
    return found if isinstance(found, dict) else {}


def _add_properties(fields: dict[str, Value], properties: Mapping[str, object]) -> None:
    rest = {name: value for name, value in properties.items() if name not in _OURS}
    for name, value in list(flatten(rest).items())[:MAX_PROPERTIES]:
        kept = value[:MAX_TEXT_CHARACTERS] if isinstance(value, str | list) else value
        fields[PROPERTY_PREFIX + name[:MAX_ID_CHARACTERS]] = kept


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value[:40])
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def path_of(url: str) -> str:
    """The path of an address, or nothing where there is none that can be read.

    >>> path_of("https://shop.example/items/7?ref=mail#top"), path_of("http://[broken")
    ('/items/7', '')
    """
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
