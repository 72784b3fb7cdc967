"""Every metric of the console, declared once.

Names: ``tocsin_<part>_<what>_<unit>[_total]``, base units, few label values.
"""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "tocsin_web_requests_total", "Requests answered.", ["face", "status"]
)  # face: page, fragment, api, stream, static; status: the first digit
REQUEST_SECONDS = Histogram(
    "tocsin_web_request_seconds", "Time from request to answer, streams left out.", ["face"]
)
SIGN_INS = Counter("tocsin_web_sign_ins_total", "Tries to sign in.", ["result"])
REFUSALS = Counter("tocsin_web_refusals_total", "Requests refused for who sent them.", ["reason"])
STREAMS = Gauge("tocsin_web_streams_count", "Live pages connected.", ["stream"])
STREAMS_REFUSED = Counter(
    "tocsin_web_streams_refused_total", "Live pages asked to come back: too many of them."
)
TAIL_DROPPED = Counter(
    "tocsin_web_tail_dropped_events_total", "Events that the live tail did not show.", ["reason"]
)  # reason: behind (came faster than they are looked at), replaced (by newer matches of a turn)
OUTBOX_ROWS = Gauge("tocsin_web_outbox_rows", "Decisions and audit records that wait for the bus.")
OUTBOX_FAILURES = Counter(
    "tocsin_web_outbox_failures_total", "Times the bus did not take what waits."
)
