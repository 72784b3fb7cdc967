-- Metric samples, and what their series are called.
--
-- A series is named by the hash of its metric and labels (rows.fingerprint); the labels are
-- written once by whoever meets the series first, and again costs nothing.
CREATE TABLE IF NOT EXISTS samples $on_cluster
(
    metric LowCardinality(String),
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(Gorilla, ZSTD(1)),
    observed_time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    source LowCardinality(String),
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta, ZSTD(1)),
    INDEX offset_range offset TYPE minmax
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(observed_time)
ORDER BY (metric, fingerprint, time)
TTL toDate(observed_time) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS series $on_cluster
(
    metric LowCardinality(String),
    fingerprint UInt64,
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    seen DateTime('UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(seen)
ORDER BY (metric, fingerprint)
TTL toDate(seen) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000;
