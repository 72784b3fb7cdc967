-- How much came from whom, by the minute it was observed: what the overview draws. Counting the
-- tables themselves would read every row of the range for each look at the page. The ledger does
-- not use this: it counts rows.
CREATE TABLE IF NOT EXISTS source_minutes $on_cluster
(
    minute DateTime('UTC'),
    kind LowCardinality(String),
    source LowCardinality(String),
    events SimpleAggregateFunction(sum, UInt64),
    last_observed SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (minute, kind, source)
TTL toDate(minute) + INTERVAL $retention_days DAY
SETTINGS $deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_by_minute $on_cluster TO source_minutes AS
SELECT toStartOfMinute(observed_time) AS minute, 'log' AS kind, source, count() AS events,
    max(toDateTime64(observed_time, 3, 'UTC')) AS last_observed
FROM events GROUP BY minute, source;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_by_minute $on_cluster TO source_minutes AS
SELECT toStartOfMinute(observed_time) AS minute, 'metric' AS kind, source, count() AS events,
    max(observed_time) AS last_observed
FROM samples GROUP BY minute, source;

CREATE MATERIALIZED VIEW IF NOT EXISTS clicks_by_minute $on_cluster TO source_minutes AS
SELECT toStartOfMinute(observed_time) AS minute, 'click' AS kind, source, count() AS events,
    max(observed_time) AS last_observed
FROM clicks GROUP BY minute, source;
