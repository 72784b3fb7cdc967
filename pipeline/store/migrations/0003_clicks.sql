-- Page views and clicks.
CREATE TABLE IF NOT EXISTS clicks $on_cluster
(
    id UUID,
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    observed_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta, ZSTD(1)),
    site LowCardinality(String),
    event LowCardinality(String),
    visitor String CODEC(ZSTD(1)),
    session String CODEC(ZSTD(1)),
    url String CODEC(ZSTD(1)),
    path LowCardinality(String),
    title String CODEC(ZSTD(1)),
    target String CODEC(ZSTD(1)),
    referrer String CODEC(ZSTD(1)),
    source_ip String CODEC(ZSTD(1)),
    user_agent String CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX offset_range offset TYPE minmax,
    INDEX id_bloom id TYPE bloom_filter(0.001)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(observed_time)
ORDER BY (site, toDate(time), event, cityHash64(visitor), time)
TTL toDate(observed_time) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000, ttl_only_drop_parts = 1;
