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
