-- Alerts, and how they were delivered.
--
-- A detector may write an alert again after a crash or a replay; it has the same id then, and the
-- newest row counts. Every SELECT says FINAL.
CREATE TABLE IF NOT EXISTS alerts $on_cluster
(
    id UUID,
    time DateTime64(6, 'UTC'),
    observed_time DateTime64(6, 'UTC'),
    source LowCardinality(String),
    rule_id String,
    rule_title LowCardinality(String),
    rule_revision LowCardinality(String),
    rule_author LowCardinality(String),
    level LowCardinality(String),
    tags Array(LowCardinality(String)),
    entity String,
    group Map(LowCardinality(String), String),
    matched String CODEC(ZSTD(1)),
    event_count UInt64,
    event_ids Array(UUID),
    event_times Array(DateTime64(6, 'UTC')),
    event_topics Array(LowCardinality(String)),
    event_partitions Array(Int32),
    event_offsets Array(Int64),
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    INDEX time_range time TYPE minmax,
    INDEX event_bloom event_ids TYPE bloom_filter(0.001)
)
ENGINE = ${replicated}ReplacingMergeTree(observed_time)
ORDER BY id
TTL toDate(observed_time) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS deliveries $on_cluster
(
    id UUID,
    alert_id UUID,
    alert_topic LowCardinality(String),
    alert_partition Int32,
    alert_offset Int64,
    destination LowCardinality(String),
    attempt UInt32,
    status LowCardinality(String),
    time DateTime64(3, 'UTC'),
    duration_ms UInt64,
    response_status UInt16,
    error String CODEC(ZSTD(1)),
    next_attempt DateTime64(3, 'UTC'),
    topic LowCardinality(String),
    partition Int32,
    offset Int64
)
ENGINE = ${replicated}ReplacingMergeTree(time)
ORDER BY (alert_id, destination, attempt, id)
TTL toDate(time) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000;
