"""Every metric the broker exposes, declared once; names follow Kafka's JMX names.

``kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec`` is
``kafka_server_brokertopicmetrics_messagesin_total``, and so on.
"""

from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Histogram)


class Children(dict[str | tuple[str, int], M]):
    """The children of a metric by their labels, for what every request counts.

    Finding one is a look-up; ``labels`` of the library takes a lock and makes strings each time.
    """

    def __init__(self, metric: M) -> None:
        super().__init__()
        self._metric: M = metric

    def __missing__(self, labels: str | tuple[str, int]) -> M:
        """Have the library make the child when it is first asked for."""
        values = labels if isinstance(labels, tuple) else (labels,)
        child: M = self._metric.labels(*values)
        self[labels] = child
        return child


MESSAGES_IN = Counter(
    "kafka_server_brokertopicmetrics_messagesin_total",
    "Records appended.",
    ["topic"],
)
BYTES_IN = Counter(
    "kafka_server_brokertopicmetrics_bytesin_total",
    "Bytes of record batches appended.",
    ["topic"],
)
BYTES_OUT = Counter(
    "kafka_server_brokertopicmetrics_bytesout_total",
    "Bytes of record batches answered to fetches.",
    ["topic"],
)
FAILED_PRODUCE = Counter(
    "kafka_server_brokertopicmetrics_failedproducerequests_total",
    "Partitions of produce requests answered with an error, by its name.",
    ["error"],
)
REQUESTS = Counter(
    "kafka_network_requestmetrics_requests_total",
    "Requests read, by API and version.",
    ["request", "version"],
)
REQUEST_ERRORS = Counter(
    "kafka_network_requestmetrics_errors_total",
    "Requests that failed as a whole, by API and error name.",
    ["request", "error"],
)
REQUEST_SECONDS = Histogram(
    "kafka_network_requestmetrics_totaltime_seconds",
    "From the last byte of a request to its answer, waiting included.",
    ["request"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
CONNECTIONS = Gauge(
    "kafka_server_socketservermetrics_connections",
    "Clients connected now.",
)
CONNECTIONS_REFUSED = Counter(
    "kafka_server_socketservermetrics_connections_refused_total",
    "Connections closed by the broker, by reason.",
    ["reason"],
)
THROTTLED = Counter(
    "kafka_server_clientquotamanager_throttled_total",
    "Requests after which a client was paused, by the quota that it exceeded.",
    ["quota"],
)
CERTIFICATE_RENEWALS = Counter(
    "kafka_server_socketservermetrics_certificaterenewals_total",
    "Times that changed certificate files were read, by outcome (renewed, failed).",
    ["outcome"],
)
AUTHENTICATIONS = Counter(
    "kafka_server_socketservermetrics_successfulauthentication_total",
    "Sign-ins that ended well, again on the same connection included (KIP-368).",
)
AUTHENTICATION_FAILURES = Counter(
    "kafka_server_socketservermetrics_failedauthentication_total",
    "Sign-ins with wrong credentials.",
)
DELAYED_FETCHES = Gauge(
    "kafka_server_delayedoperationpurgatory_purgatorysize",
    "Fetches waiting for enough bytes.",
)
FETCH_SESSIONS = Gauge(
    "kafka_server_fetchsessioncache_numincrementalfetchsessions",
    "Fetch sessions that clients have.",
)
FETCH_SESSION_PARTITIONS = Gauge(
    "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
    "Partitions of all fetch sessions together.",
)
FETCH_SESSION_EVICTIONS = Counter(
    "kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total",
    "Fetch sessions that went to make room for others.",
)
LOG_FLUSH_SECONDS = Histogram(
    "kafka_log_logflushstats_logflush_seconds",
    "One round of the group commit: every log that waits, synced in a thread.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
LOG_BYTES_CUT = Counter(
    "kafka_log_recovery_cutbytes_total",
    "Bytes of torn batches cut from the end of logs when they were opened after a crash.",
)
LOG_DUPLICATES = Counter(
    "kafka_log_producerstate_duplicatebatches_total",
    "Batches recognised as retries of batches already written.",
)
LOG_SEGMENTS_DELETED = Counter(
    "kafka_log_logmanager_deletedsegments_total",
    "Sealed segments removed, by what removed them.",
    ["reason"],
)
LOG_BYTES_COMPACTED = Counter(
    "kafka_log_logcleaner_removedbytes_total",
    "Bytes that compaction removed.",
)
LOG_DIRECTORY_OFFLINE = Gauge(
    "kafka_log_logmanager_offlinelogdirectorycount",
    "1 once a failed sync took the log directory out of service.",
)
CONTROLLER_ACTIVE = Gauge(
    "kafka_controller_kafkacontroller_activecontrollercount",
    "Controller: 1 while it decides for its nodes; 0 in every other process.",
)
CONTROLLER_ACTIVE_NODES = Gauge(
    "kafka_controller_kafkacontroller_activebrokercount",
    "Controller: nodes that may lead.",
)
CONTROLLER_FENCED_NODES = Gauge(
    "kafka_controller_kafkacontroller_fencedbrokercount",
    "Controller: nodes that are registered and not heard of, or shut down.",
)
CONTROLLER_TOPICS = Gauge(
    "kafka_controller_kafkacontroller_globaltopiccount",
    "Controller: topics.",
)
CONTROLLER_PARTITIONS = Gauge(
    "kafka_controller_kafkacontroller_globalpartitioncount",
    "Controller: partitions of all topics.",
)
CONTROLLER_OFFLINE_PARTITIONS = Gauge(
    "kafka_controller_kafkacontroller_offlinepartitionscount",
    "Controller: partitions that nobody leads.",
)
CONTROLLER_IMBALANCE = Gauge(
    "kafka_controller_kafkacontroller_preferredreplicaimbalancecount",
    "Controller: partitions that are not led by their first replica.",
)
CONTROLLER_COMMIT_SECONDS = Histogram(
    "kafka_controller_controllereventmanager_commit_seconds",
    "Controller: making one decision durable.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
LOG_READ_ONLY = Gauge(
    "kafka_log_logmanager_readonly",
    "1 while nothing is taken for lack of space, by what is short (disk_full, disk_budget).",
    ["kind"],
)
LOG_SIZE_BYTES = Gauge(
    "kafka_log_logmanager_size_bytes",
    "What all partitions take together.",
)
LOG_BUDGET_BYTES = Gauge(
    "kafka_log_logmanager_budget_bytes",
    "What all partitions may take together; 0 without a budget.",
)
LOG_SIZE = Gauge(
    "kafka_log_log_size_bytes",
    "What the partitions of a topic take on this node; looked at every ten seconds.",
    ["topic"],
)
GROUP_LAG = Gauge(
    "kafka_consumergroup_lag_records",
    "Records of a topic that a group has still to read, on this node; looked at every ten seconds.",
    ["group", "topic"],
)
ISR_SHRINKS = Counter(
    "kafka_server_replicamanager_isrshrinks_total",
    "Times that replicas left the in-sync set of a partition led here.",
)
ISR_EXPANDS = Counter(
    "kafka_server_replicamanager_isrexpands_total",
    "Times that replicas joined the in-sync set of a partition led here.",
)
FAILED_ISR_UPDATES = Counter(
    "kafka_server_replicamanager_failedisrupdates_total",
    "In-sync sets that the controller did not grant.",
)
UNDER_REPLICATED = Gauge(
    "kafka_server_replicamanager_underreplicatedpartitions",
    "Partitions led here with fewer replicas in sync than there are.",
)
UNDER_MIN_ISR = Gauge(
    "kafka_server_replicamanager_underminisrpartitioncount",
    "Partitions led here that refuse acks=all for want of in-sync replicas.",
)
OFFLINE_PARTITIONS = Gauge(
    "kafka_server_replicamanager_offlinepartitioncount",
    "Partitions held here that nobody leads.",
)
LEADERS = Gauge(
    "kafka_server_replicamanager_leadercount",
    "Partitions led here.",
)
PARTITIONS_HELD = Gauge(
    "kafka_server_replicamanager_partitioncount",
    "Partitions held here.",
)
FETCHER_LAG = Gauge(
    "kafka_server_replicafetchermanager_maxlag",
    "Records that the partition furthest behind its leader lacked at its last fetch.",
    ["leader"],
)
FETCHER_BYTES = Counter(
    "kafka_server_brokertopicmetrics_replicationbytesin_total",
    "Bytes of record batches copied from leaders.",
)
FETCHER_ERRORS = Counter(
    "kafka_server_fetcherstats_errors_total",
    "Partitions in answers to fetches of this follower that came with an error, by its name.",
    ["error"],
)
LOG_CUTS = Counter(
    "kafka_log_truncations_total",
    "Logs cut because they had gone another way than their leader's.",
)

MESSAGES_IN_OF = Children(MESSAGES_IN)
BYTES_IN_OF = Children(BYTES_IN)
BYTES_OUT_OF = Children(BYTES_OUT)
REQUESTS_OF = Children(REQUESTS)
REQUEST_SECONDS_OF = Children(REQUEST_SECONDS)
