"""Every metric of the data plane, declared once.

Names: ``tocsin_<part>_<what>_<unit>[_total]``, base units, few label values.
"""

from prometheus_client import Counter, Gauge, Histogram

# The bus

BUS_ACKNOWLEDGED = Counter(
    "tocsin_bus_acknowledged_records_total", "Records that the log has acknowledged."
)
BUS_UNACKNOWLEDGED = Counter(
    "tocsin_bus_unacknowledged_records_total",
    "Records that the log refused or did not acknowledge in time.",
    ["error"],
)
BUS_PUBLISH_SECONDS = Histogram(
    "tocsin_bus_publish_seconds", "Time from publishing a batch until all of it was acknowledged."
)
BUS_CONSUMED = Counter(
    "tocsin_bus_consumed_records_total", "Records read by a consumer group's member.", ["group"]
)
BUS_ASSIGNED = Gauge(
    "tocsin_bus_assigned_partitions",
    "Partitions that a group has given to this process.",
    ["group"],
)
BUS_ERRORS = Counter(
    "tocsin_bus_connection_errors_total", "Trouble that the Kafka client reported.", ["error"]
)
CONTROL_DECISIONS = Counter(
    "tocsin_control_decisions_total", "Decisions read from the control topic."
)
CONTROL_UNREADABLE = Counter(
    "tocsin_control_unreadable_decisions_total",
    "Records of the control topic that this version cannot read; they were passed over.",
)

# The collectors

COLLECTOR_RECEIVED = Counter(
    "tocsin_collector_received_events_total", "Events decoded from a sender.", ["collector"]
)
COLLECTOR_ACKNOWLEDGED = Counter(
    "tocsin_collector_acknowledged_records_total",
    "Records of collectors that the log has settled: events, dead letters and tallies.",
    ["collector"],
)
COLLECTOR_DROPPED = Counter(
    "tocsin_collector_dropped_events_total",
    "Messages that became no event.",
    ["collector", "reason"],
)
COLLECTOR_PARKED = Counter(
    "tocsin_collector_parked_messages_total",
    "Those of them whose head was kept on the dead-letter topic.",
    ["collector", "reason"],
)
COLLECTOR_UNPARSED = Counter(
    "tocsin_collector_unparsed_events_total",
    "Events that were kept raw, with a parse_error.",
    ["collector"],
)
COLLECTOR_SPILLED = Counter(
    "tocsin_collector_spilled_events_total",
    "Events of a source too hot for one partition that went to others.",
    ["collector"],
)
COLLECTOR_IN_FLIGHT = Gauge(
    "tocsin_collector_in_flight_bytes", "What waits for the log's acknowledgement."
)
COLLECTOR_SERVING = Gauge(
    "tocsin_collector_serving", "Whether a collector serves its senders.", ["collector"]
)
COLLECTOR_CONNECTIONS = Gauge(
    "tocsin_collector_open_connections", "Senders connected.", ["collector"]
)
COLLECTOR_CONNECTIONS_REFUSED = Counter(
    "tocsin_collector_refused_connections_total",
    "Connections closed by us without having been served to their end.",
    ["collector", "reason"],
)
COLLECTOR_PAUSED = Counter(
    "tocsin_collector_reading_pauses_total",
    "Times that a sender was made to wait because too much was under way.",
    ["collector"],
)
COLLECTOR_REQUESTS = Counter(
    "tocsin_collector_http_requests_total", "HTTP requests answered.", ["path", "status"]
)
COLLECTOR_SCRAPES = Counter(
    "tocsin_collector_scrapes_total", "Pulls of Prometheus targets.", ["job", "outcome"]
)
