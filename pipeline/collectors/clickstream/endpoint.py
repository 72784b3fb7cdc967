"""Clicks from browsers: ``/t.js``, ``/t.gif`` and Segment's ``/v1/…``; answered once kept.

A site is named by its write key: in the body (``writeKey``), as the user of Basic authentication
(as Segment's libraries do), or as ``k`` of the pixel. It is no secret, it stands in every page; so
what comes under it is bounded by address, by size and by origin (CORS), not by trust. The
sender's address is that of the connection; headers that claim another are not believed.
"""

import binascii
import time
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from importlib import resources

import orjson
import structlog

from pipeline.collectors.clickstream.messages import (
    ClickRejected,
    click_fields,
    click_time,
    path_of,
    pixel_fields,
)
from pipeline.collectors.clickstream.rate_limit import RateLimit
from pipeline.collectors.http.application import Endpoint, Route
from pipeline.collectors.http.body import BodyReader, too_busy
from pipeline.collectors.http.exchange import (
    Headers,
    Problem,
    Request,
    Response,
    json_response,
)
from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.parsing.timestamp import believable
from pipeline.schema.event import Event, Kind, Value

log = structlog.get_logger()

COLLECTOR = "clickstream"
SCRIPT_PATH, PIXEL_PATH = "/t.js", "/t.gif"
MESSAGE_PATHS = ("/v1/track", "/v1/page", "/v1/identify")
BATCH_PATH = "/v1/batch"
MAX_BODY_BYTES = 512 << 10
MAX_MESSAGES = 500
MAX_MESSAGE_BYTES = 32 << 10
MAX_USER_AGENT_CHARACTERS = 500

_PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_PREFLIGHT_HEADERS: Headers = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"86400"),
)


class Clickstream:
    """The endpoints; for the loop.

    Args:
        intake: Where records go.
        recorder: Makes them.
        bodies: Reads request bodies.
        sites: Write keys that are good.
        origins: Origins that may send; ``*`` for any.
        requests_per_minute: Of one address.
    """

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        bodies: BodyReader,
        *,
        sites: Sequence[str],
        origins: Sequence[str],
        requests_per_minute: int,
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._bodies = bodies
        self._sites = frozenset(sites)
        self._origins = frozenset(origins)
        self._rate = RateLimit(per_minute=requests_per_minute)
        self._script = resources.files(__package__).joinpath("tracker.js").read_bytes()
        self._script_tag = b'"%s"' % sha256(self._script).hexdigest()[:16].encode()

    def routes(self) -> dict[str, Route]:
        """What answers where."""
        looking = frozenset({"GET", "HEAD"})
        sending = frozenset({"POST", "OPTIONS"})
        return {
            SCRIPT_PATH: Route(endpoint=self.script, methods=looking),
            PIXEL_PATH: Route(endpoint=self._shared(self.pixel), methods=looking),
            BATCH_PATH: Route(endpoint=self._shared(self.batch), methods=sending),
            **{
                path: Route(endpoint=self._shared(self.message), methods=sending)
                for path in MESSAGE_PATHS
            },
        }

    async def script(self, request: Request) -> Response:
        """The tracker."""
        headers = ((b"cache-control", b"public, max-age=3600"), (b"etag", self._script_tag))
        if request.header(b"if-none-match").encode() == self._script_tag:
            return Response(304, headers=headers)
        return Response(200, self._script, b"text/javascript; charset=utf-8", headers)

    async def pixel(self, request: Request) -> Response:
        """A page view told by an image's address."""
        parameters = request.query
        fields = pixel_fields(parameters, site=self._site(parameters.get("k", "")))
        fields.setdefault("url.full", request.header(b"referer")[:2_000])
        received = self._recorder.now()
        await self._keep([self._event(request, fields, received, received, b"")])
        return Response(200, _PIXEL, b"image/gif", ((b"cache-control", b"no-store"),))

    async def message(self, request: Request) -> Response:
        """One message; its type is the last part of the path where it tells none."""
        body = await self._body(request)
        body.setdefault("type", request.path.rpartition("/")[2])
        rejected = await self._take(request, body, [body])
        if rejected:
            raise Problem(400, "Message not valid", str(rejected[0]["reason"]))
        return Response(204)

    async def batch(self, request: Request) -> Response:
        """Up to 500 messages; each is taken or told of by its index."""
        body = await self._body(request)
        messages = body.get("batch")
        if not isinstance(messages, list) or len(messages) > MAX_MESSAGES:
            raise Problem(400, "Batch not valid", f"batch is a list of up to {MAX_MESSAGES}")
        rejected = await self._take(request, body, messages)
        told = {"accepted": len(messages) - len(rejected), "rejected": rejected}
        return json_response(202, told)

    def _shared(self, endpoint: Endpoint) -> Endpoint:
        """What all of them but the script check and answer: origin, preflight, rate."""

        async def answer(request: Request) -> Response:
            headers = self._cors(request)
            try:
                if request.method == "OPTIONS":
                    return Response(204, headers=(*headers, *_PREFLIGHT_HEADERS))
                if not self._rate.allows(request.client, time.monotonic()):
                    self._intake.count_dropped(COLLECTOR, "rate_limit")
                    raise too_busy("too many requests from this address")
                response = await endpoint(request)
            except Problem as problem:
                problem.headers = (*problem.headers, *headers)
                raise
            response.headers = (*response.headers, *headers)
            return response

        return answer

    def _cors(self, request: Request) -> Headers:
        """Headers for the origin that asks.

        Raises:
            Problem: 403, it may not.
        """
        origin = request.header(b"origin")
        if not origin:
            return ()
        if "*" not in self._origins and origin not in self._origins:
            self._intake.count_dropped(COLLECTOR, "origin")
            raise Problem(403, "Origin not allowed", f"{origin[:200]} is not in click_origins")
        return ((b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin"))

    async def _body(self, request: Request) -> dict[str, object]:
        announced = request.header(b"content-length")
        if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
            raise Problem(413, "Body too large", f"at most {MAX_BODY_BYTES} bytes")
        async with self._bodies.read(request) as body:
            if len(body) > MAX_BODY_BYTES:
                raise Problem(413, "Body too large", f"at most {MAX_BODY_BYTES} bytes")
            try:
                found = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise Problem(400, "Not JSON", str(error)) from error
        if not isinstance(found, dict):
            raise Problem(400, "Not a message", "a JSON object would be right")
        return found

    async def _take(
        self, request: Request, body: dict[str, object], messages: Sequence[object]
    ) -> list[dict[str, int | str]]:
        """Keep the messages; returns those that tell no click, by index."""
        site = self._site(_write_key(request, body))
        received = self._recorder.now()
        events: list[Event] = []
        rejected: list[dict[str, int | str]] = []
        for index, message in enumerate(messages):
            try:
                raw = orjson.dumps(message)
                if len(raw) > MAX_MESSAGE_BYTES:
                    raise ClickRejected(f"{len(raw)} bytes, at most {MAX_MESSAGE_BYTES}")
                fields = click_fields(message, site=site)
            except ClickRejected as error:
                self._intake.park(
                    COLLECTOR,
                    source=f"click:{site}",
                    reason="not_a_click",
                    detail=str(error),
                    head=raw,
                )
                rejected.append({"index": index, "reason": str(error)})
                continue
            happened = click_time(message, body.get("sentAt"), received)
            at = believable(happened, received, fields) or received
            events.append(self._event(request, fields, at, received, raw))
        await self._keep(events)
        return rejected

    def _event(
        self,
        request: Request,
        fields: dict[str, Value],
        happened: datetime,
        received: datetime,
        raw: bytes,
    ) -> Event:
        fields["source.ip"] = request.client
        if agent := request.header(b"user-agent"):
            fields["user_agent.original"] = agent[:MAX_USER_AGENT_CHARACTERS]
        if path := path_of(str(fields.get("url.full", ""))):
            fields.setdefault("url.path", path)
        source = f"click:{fields['click.site']}"
        return self._recorder.event(
            Kind.CLICK, time=happened, received=received, source=source, fields=fields, raw=raw
        )

    async def _keep(self, events: list[Event]) -> None:
        if not events:
            return
        try:
            await self._intake.publish(
                COLLECTOR, self._recorder.records(events, source=events[0].source)
            )
        except (BusUnavailable, BusRefused) as error:
            log.warning("clicks_not_acknowledged", clicks=len(events), detail=str(error))
            raise Problem(
                503,
                "Not acknowledged",
                "the log did not answer; send again",
                headers=((b"retry-after", b"2"),),
            ) from error

    def _site(self, write_key: str) -> str:
        if write_key not in self._sites:
            self._intake.count_dropped(COLLECTOR, "write_key")
            raise Problem(401, "Write key not known", f"{write_key[:100]!r} is not in click_sites")
        return write_key


def _write_key(request: Request, body: dict[str, object]) -> str:
    """The write key of a request: in its body, or the user of Basic authentication."""
    key = body.get("writeKey")
    if isinstance(key, str):
        return key
    scheme, _, credentials = request.header(b"authorization").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(credentials[:1_000], validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
