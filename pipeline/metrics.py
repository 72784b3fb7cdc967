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
COLLECTOR_REPEATED = Counter(
    "tocsin_collector_repeated_records_total",
    "Records of raw.* that were read again and found published already.",
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

# The store: the embedded engine, and the client every other role reaches it with

STORE_STATEMENTS = Counter(
    "tocsin_store_statements_total", "Statements of the embedded store.", ["lane", "outcome"]
)
STORE_STATEMENT_SECONDS = Histogram(
    "tocsin_store_statement_seconds",
    "Time from admitting a statement until its result was sent.",
    ["lane"],
)
STORE_RUNNING = Gauge("tocsin_store_running_statements", "Statements that run now.", ["lane"])
STORE_WAITING = Gauge(
    "tocsin_store_waiting_statements", "Statements that wait for a thread.", ["lane"]
)
STORE_REFUSED = Counter(
    "tocsin_store_refused_statements_total",
    "Statements sent away because too many waited.",
    ["lane", "reason"],
)
STORE_INSERTED_BYTES = Counter(
    "tocsin_store_inserted_bytes_total", "Data of INSERTs, unpacked, as it was handed to chDB."
)
STORE_INSERT_SECONDS = Histogram(
    "tocsin_store_insert_seconds",
    "Time from handing a batch to ClickHouse until it acknowledged it.",
    ["table"],
)
STORE_CLIENT_ERRORS = Counter(
    "tocsin_store_client_errors_total",
    "Statements that the store refused or did not answer, as its clients saw it.",
    ["error"],
)

# The sinks

SINK_RECORDS = Counter(
    "tocsin_sink_written_records_total", "Records that a sink has put in their place.", ["topic"]
)
SINK_BATCH_SECONDS = Histogram(
    "tocsin_sink_batch_seconds", "Time from cutting a batch until all of it was stored.", ["topic"]
)
SINK_REPEATED = Counter(
    "tocsin_sink_repeated_ranges_total",
    "Ranges that a former owner had announced and that were written again.",
    ["topic"],
)
SINK_RETRIES = Counter(
    "tocsin_sink_failed_attempts_total",
    "Attempts that failed and were made again.",
    ["doing", "error"],
)
SINK_DEAD_LETTERED = Counter(
    "tocsin_sink_dead_lettered_records_total",
    "Records that could not be stored and were parked.",
    ["topic", "reason"],
)
SINK_REWOUND = Counter(
    "tocsin_sink_rewound_logs_total",
    "Times that a partition went on below where it had been read.",
    ["topic"],
)
SINK_BUFFERED = Gauge("tocsin_sink_buffered_bytes", "Read and not yet stored, about.")
SINK_PAUSED = Gauge("tocsin_sink_paused_partitions", "Partitions not read because they are full.")
DELIVERIES = Counter(
    "tocsin_webhook_attempts_total", "Attempts to deliver an alert.", ["destination", "status"]
)
DELIVERY_SECONDS = Histogram(
    "tocsin_webhook_attempt_seconds", "Time that a destination took to answer.", ["destination"]
)
DELIVERIES_WAITING = Gauge(
    "tocsin_webhook_waiting_deliveries", "Deliveries not yet settled.", ["destination"]
)
