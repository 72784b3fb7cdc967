-- Log events, one row each.
--
-- Partitioned and aged by observed_time, because senders' clocks are claims; searched by time,
-- which has a minmax index instead. A field with a column of its own lies there, '' when absent;
-- other scalars lie as text in attributes, lists as texts in lists. What is not plain text (a
-- number, a boolean, a list) is kept exactly as JSON in typed, so that an event comes back as it
-- was. Positions say which ranges of the log are stored.
CREATE TABLE IF NOT EXISTS events $on_cluster
(
    id UUID,
    time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    observed_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta, ZSTD(1)),
    message String CODEC(ZSTD(1)),
    raw String CODEC(ZSTD(1)),
    product LowCardinality(String),
    category LowCardinality(String),
    service Array(LowCardinality(String)),
    parse_error LowCardinality(String),
    host LowCardinality(String),
    user LowCardinality(String),
    source_ip String CODEC(ZSTD(1)),
    destination_ip String CODEC(ZSTD(1)),
    program LowCardinality(String),
    action LowCardinality(String),
    outcome LowCardinality(String),
    level LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    lists Map(LowCardinality(String), Array(String)) CODEC(ZSTD(1)),
    typed String CODEC(ZSTD(1)),
    text String ALIAS concat(message, '\n', raw),
    INDEX text_words text TYPE text(tokenizer = splitByNonAlpha, preprocessor = lower(text)),
    INDEX time_range time TYPE minmax,
    INDEX offset_range offset TYPE minmax,
    INDEX attribute_keys mapKeys(attributes) TYPE bloom_filter(0.01),
    INDEX list_keys mapKeys(lists) TYPE bloom_filter(0.01),
    INDEX id_bloom id TYPE bloom_filter(0.001),
    INDEX user_bloom lower(user) TYPE bloom_filter(0.01),
    INDEX source_ip_bloom lower(source_ip) TYPE bloom_filter(0.01),
    INDEX destination_ip_bloom lower(destination_ip) TYPE bloom_filter(0.01)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(observed_time)
ORDER BY (toStartOfFiveMinutes(observed_time), source, time)
TTL toDate(observed_time) + INTERVAL $retention_days DAY
SETTINGS
    $deduplication_window = 10000,
    ttl_only_drop_parts = 1,
    map_serialization_version = 'with_buckets';
