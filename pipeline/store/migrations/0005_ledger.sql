-- What must add up: one row per batch, source, day and reason, written with the batch it counts
-- (a row written again is one row); and what could not be processed, kept raw.
CREATE TABLE IF NOT EXISTS ledger $on_cluster
(
    topic LowCardinality(String),
    partition Int32,
    first_offset Int64,
    last_offset Int64,
    source LowCardinality(String),
    received UInt64,
    dead_lettered UInt64,
    dropped UInt64,
    reason LowCardinality(String),
    observed_date Date,
    time DateTime64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(time)
PARTITION BY toYYYYMM(observed_date)
ORDER BY (observed_date, source, topic, partition, first_offset, last_offset, reason)
TTL observed_date + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS dead_letters $on_cluster
(
    time DateTime64(3, 'UTC'),
    source LowCardinality(String),
    reason LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    value String CODEC(ZSTD(1)),
    origin_topic LowCardinality(String),
    origin_partition Int32,
    origin_offset Int64,
    topic LowCardinality(String),
    partition Int32,
    offset Int64
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (time, topic, partition, offset)
TTL toDate(time) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000;
