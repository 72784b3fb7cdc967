"""``POST /ingest/ndjson``: one JSON object a line, or any line of text; answered once it is kept.

A line that begins with ``{`` is read as a JSON object, any other as text of whatever format the
parsers know; what none of them understands is kept raw. Lines end with LF or CR LF, empty ones are
skipped. Event ids are ours: a sender that repeats a request after a 5xx repeats its events.

The answer is ``{"accepted": n, "rejected": [{"line", "reason"}]}`` with line numbers from 1.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from pipeline.bus.producer import OutgoingRecord
from pipeline.collectors.http.authentication import Authenticator
from pipeline.collectors.http.body import BodyReader
from pipeline.collectors.http.exchange import Problem, Request, Response, json_response
from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.parsing.detect import Dialect
from pipeline.schema.event import Value
from pipeline.schema.fields import LOGSOURCE_CATEGORY, LOGSOURCE_PRODUCT, LOGSOURCE_SERVICE

log = structlog.get_logger()

PATH = "/ingest/ndjson"
COLLECTOR = "http_ndjson"
MAX_LINES = 500_000
MAX_NAME_CHARACTERS = 200
MAX_REJECTED_TOLD = 1_000
SLICE_LINES = 5_000
TURN_LINES = 250  # after so many lines it is the turn of other senders

Rejected = list[dict[str, int | str]]


class JsonLines:
    """The endpoint; for the loop.

    Args:
        intake: Where records go.
        recorder: Makes them.
        authenticator: Knows who may send.
        bodies: Reads request bodies.
        max_event_bytes: Longer lines are rejected, their heads parked.
    """

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        authenticator: Authenticator,
        bodies: BodyReader,
        *,
        max_event_bytes: int,
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._authenticator = authenticator
        self._bodies = bodies
        self._max_event_bytes = max_event_bytes

    async def __call__(self, request: Request) -> Response:
        """Take a request's lines in.

        Raises:
            Problem: As the module of the cause says; 503 while the log does not answer, with
                ``accepted`` telling how many of the first lines are in it.
        """
        grant = await self._authenticator.sender(request)
        parameters = request.query
        source = source_of(parameters, grant.id)
        fields = log_source_of(parameters)
        content_type = request.header(b"content-type").lower()
        if content_type.startswith("multipart/"):
            raise Problem(415, "Media type not supported", "send the lines as the body itself")
        async with self._bodies.read(request) as body:
            if body.count(b"\n") >= MAX_LINES:
                raise Problem(413, "Too many lines", f"at most {MAX_LINES} in one request")
            return await self._taken_in(body.split(b"\n"), source, fields)

    async def _taken_in(
        self, lines: Sequence[bytes], source: str, fields: Mapping[str, Value]
    ) -> Response:
        accepted = 0
        rejected: Rejected = []
        for begin in range(0, len(lines), SLICE_LINES):
            numbers, records = await self._records(
                lines[begin : begin + SLICE_LINES], begin + 1, source, fields, rejected
            )
            try:
                await self._intake.publish(COLLECTOR, records)
                accepted += len(records)
            except BusRefused as error:
                accepted += len(records) - len(error.refused)
                for index in error.refused:
                    rejected.append({"line": numbers[index], "reason": "refused by the log"})
            except BusUnavailable as error:
                log.warning("ingest_not_acknowledged", source=source, detail=str(error))
                raise not_acknowledged(accepted) from error
        if rejected and not accepted:
            told = {"accepted": 0, "rejected": rejected[:MAX_REJECTED_TOLD]}
            raise Problem(413, "No line accepted", str(rejected[0]["reason"]), members=told)
        return json_response(200, {"accepted": accepted, "rejected": rejected[:MAX_REJECTED_TOLD]})

    async def _records(
        self,
        lines: Sequence[bytes],
        first: int,
        source: str,
        fields: Mapping[str, Value],
        rejected: Rejected,
    ) -> tuple[list[int], list[OutgoingRecord]]:
        """The records of a slice of lines, and the line number of each."""
        numbers: list[int] = []
        records: list[OutgoingRecord] = []
        for begin in range(0, len(lines), TURN_LINES):
            messages: list[bytes] = []
            for number, line in enumerate(lines[begin : begin + TURN_LINES], first + begin):
                message = line.removesuffix(b"\r")
                if len(message) > self._max_event_bytes:
                    self._reject(number, message, source, rejected)
                elif message and not message.isspace():
                    numbers.append(number)
                    messages.append(message)
            records += self._recorder.logs(
                messages, source=source, dialect=Dialect.LINE, fields=fields
            )
            await asyncio.sleep(0)
        return numbers, records

    def _reject(self, number: int, line: bytes, source: str, rejected: Rejected) -> None:
        reason = f"{len(line)} bytes, at most {self._max_event_bytes}"
        rejected.append({"line": number, "reason": reason})
        self._intake.park(COLLECTOR, source=source, reason="too_long", detail=reason, head=line)


def not_acknowledged(accepted: int) -> Problem:
    """503: the log did not acknowledge; the first ``accepted`` lines need not be repeated."""
    return Problem(
        503,
        "Not acknowledged",
        "the log did not answer in time; send again",
        members={"accepted": accepted},
        headers=((b"retry-after", b"2"),),
    )


def source_of(parameters: Mapping[str, str], token_id: str) -> str:
    """``http:<name>``: the ``source`` parameter, or the id of the token.

    Raises:
        Problem: 400, the name is empty, too long or not printable.
    """
    return f"http:{_name(parameters, 'source') or token_id}"


def log_source_of(parameters: Mapping[str, str]) -> dict[str, Value]:
    """The Sigma log source that the sender gives all of its lines.

    Parameters ``product``, ``category`` and ``service`` (several: separated by commas).

    Raises:
        Problem: 400, a value is too long or not printable.
    """
    fields: dict[str, Value] = {}
    if product := _name(parameters, "product"):
        fields[LOGSOURCE_PRODUCT] = product
    if category := _name(parameters, "category"):
        fields[LOGSOURCE_CATEGORY] = category
    if service := _name(parameters, "service"):
        fields[LOGSOURCE_SERVICE] = [one.strip() for one in service.split(",") if one.strip()]
    return fields


def _name(parameters: Mapping[str, str], parameter: str) -> str:
    value = parameters.get(parameter, "").strip()
    if len(value) > MAX_NAME_CHARACTERS or not value.isprintable():
        raise Problem(
            400,
            "Parameter not valid",
            f"{parameter} may have at most {MAX_NAME_CHARACTERS} printable characters",
        )
    return value
