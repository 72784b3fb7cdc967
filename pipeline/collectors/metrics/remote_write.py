"""``POST /api/v1/write``: Prometheus remote write 1.0; every sample an event, answered when kept.

What the status means to Prometheus (specification, §"Retries & Backoff"): 2xx kept, 4xx never
send it again, 5xx send it again. So a request with a series that is invalid answers 400 after the
valid ones were kept, and 503 is for the log alone. Native histograms are not kept, but counted;
exemplars and metadata are left aside.
"""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import structlog

from pipeline.bus.producer import OutgoingRecord
from pipeline.collectors.http.authentication import Authenticator
from pipeline.collectors.http.body import BodyReader
from pipeline.collectors.http.compression import BodyCorrupt, BodyTooLarge
from pipeline.collectors.http.exchange import Problem, Request, Response
from pipeline.collectors.http.snappy import decompress
from pipeline.collectors.intake import Intake
from pipeline.collectors.metrics.samples import (
    NAME_LABEL,
    SeriesIdentity,
    identify,
    sample_fields,
)
from pipeline.collectors.metrics.write_request import (
    Labels,
    Series,
    WriteRequestInvalid,
    decode_labels,
    series_of,
)
from pipeline.collectors.recording import Recorder
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.parsing.timestamp import believable
from pipeline.schema.event import Event, Kind

log = structlog.get_logger()

PATH = "/api/v1/write"
COLLECTOR = "remote_write"
MAX_SAMPLES = 100_000
CACHED_SERIES = 20_000
TURN_SERIES = 250  # after so many series it is the turn of other senders

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_V2 = "io.prometheus.write.v2.request"


class RemoteWrite:
    """The endpoint; for the loop.

    Args:
        intake: Where records go.
        recorder: Makes them.
        authenticator: Knows who may send.
        bodies: Reads request bodies.
        max_body_bytes: Largest request after decompression.
    """

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        authenticator: Authenticator,
        bodies: BodyReader,
        *,
        max_body_bytes: int,
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._authenticator = authenticator
        self._bodies = bodies
        self._max_body_bytes = max_body_bytes
        self._known: dict[Labels, SeriesIdentity] = {}

    async def __call__(self, request: Request) -> Response:
        """Take a request's samples in.

        Raises:
            Problem: 400 invalid, 413 too large, 415 not remote write 1.0, 503 while the log does
                not answer; others as the module of the cause says.
        """
        grant = await self._authenticator.sender(request)
        _check_format(request)
        async with self._bodies.read(request, coding="identity") as body:
            taken = _Taken(self._recorder.now())
            try:
                message = decompress(body, max_bytes=self._max_body_bytes)
                await self._take(message, grant.id, taken)
            except BodyTooLarge as error:
                raise Problem(413, "Body too large", str(error)) from error
            except (BodyCorrupt, WriteRequestInvalid) as error:
                self._intake.park(
                    COLLECTOR,
                    source=f"remote-write:{grant.id}",
                    reason="not_remote_write",
                    detail=str(error),
                    head=body,
                )
                raise Problem(400, "Not a remote-write request", str(error)) from error
            await self._keep(taken)
        self._write_down(taken, grant.id)
        if taken.problem:
            raise Problem(400, "Some series are invalid; the others were kept", taken.problem)
        return Response(204)

    async def _take(self, message: bytes, token_id: str, taken: "_Taken") -> None:
        """Make events of all samples; what is invalid is counted, and told of."""
        samples = 0
        for number, series in enumerate(series_of(message)):
            samples += len(series.samples)
            if samples > MAX_SAMPLES:
                raise Problem(413, "Too many samples", f"at most {MAX_SAMPLES} in a request")
            self._take_series(series, token_id, taken)
            if number % TURN_SERIES == TURN_SERIES - 1:
                await asyncio.sleep(0)

    def _take_series(self, series: Series, token_id: str, taken: "_Taken") -> None:
        if series.histograms:
            taken.lost["native_histogram"] += series.histograms
        identity = self._known.get(series.labels)
        if identity is None:
            try:
                identity = self._identified(series.labels, token_id)
            except WriteRequestInvalid as error:
                taken.lost["invalid_series"] += len(series.samples)
                taken.problem = taken.problem or str(error)
                return
        events = taken.events[identity.source]
        for sample in series.samples:
            fields = sample_fields(identity, sample.value, is_stale=sample.is_stale)
            try:
                time = _EPOCH + timedelta(milliseconds=sample.timestamp_ms)
            except OverflowError:
                taken.lost["invalid_time"] += 1
                taken.problem = taken.problem or f"{sample.timestamp_ms} ms is no time"
                continue
            events.append(
                self._recorder.event(
                    Kind.METRIC,
                    time=believable(time, taken.received, fields) or taken.received,
                    received=taken.received,
                    source=identity.source,
                    fields=fields,
                )
            )

    def _identified(self, encoded: Labels, token_id: str) -> SeriesIdentity:
        labels = decode_labels(encoded)
        if not labels.get(NAME_LABEL):
            raise WriteRequestInvalid(f"a series without {NAME_LABEL}")
        identity = identify(labels, collector="remote-write", sender=token_id)
        if len(self._known) >= CACHED_SERIES:
            self._known.clear()
        self._known[encoded] = identity
        return identity

    async def _keep(self, taken: "_Taken") -> None:
        records: list[OutgoingRecord] = []
        for source, events in taken.events.items():
            records += self._recorder.records(events, source=source)
            await asyncio.sleep(0)
        try:
            await self._intake.publish(COLLECTOR, records)
        except BusUnavailable as error:
            log.warning("samples_not_acknowledged", samples=len(records), detail=str(error))
            raise Problem(503, "Not acknowledged", "the log did not answer; send again") from error
        except BusRefused as error:
            taken.lost["refused_by_log"] += len(error.refused)
            taken.problem = taken.problem or str(error)

    def _write_down(self, taken: "_Taken", token_id: str) -> None:
        source = f"remote-write:{token_id}"
        for reason, count in taken.lost.items():
            if count:
                self._intake.tally(COLLECTOR, source=source, reason=reason, count=count)


class _Taken:
    """What has become of one request.

    Attributes:
        received: When it came.
        events: By source.
        lost: Samples that become no event, by reason.
        problem: The first of them, in words.
    """

    __slots__ = ("events", "lost", "problem", "received")

    def __init__(self, received: datetime) -> None:
        self.received = received
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self.lost: Counter[str] = Counter()
        self.problem = ""


def _check_format(request: Request) -> None:
    content_type = request.header(b"content-type").lower()
    coding = request.header(b"content-encoding").lower()
    if _V2 in content_type or (content_type and "protobuf" not in content_type):
        raise Problem(
            415,
            "Media type not supported",
            f"{content_type[:100]} here; application/x-protobuf of remote write 1.0 would be right",
        )
    if coding not in ("", "snappy"):
        raise Problem(415, "Content encoding not supported", f"{coding[:100]} here; snappy needed")
