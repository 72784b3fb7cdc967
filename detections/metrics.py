"""Every metric of the detectors, declared once.

Names: ``tocsin_<part>_<what>_<unit>[_total]``, base units, few label values.
"""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("tocsin_detections_evaluated_events_total", "Events held against the rules.")
MATCHES = Counter(
    "tocsin_detections_matches_total", "Rules that matched an event, alerting or counting."
)
ALERTS = Counter("tocsin_detections_alerts_total", "Alerts written.", ["level"])
ALERTS_REPEATED = Counter(
    "tocsin_detections_repeated_alerts_total",
    "Alerts not written after a restart, because they are in the log already.",
)
ALERTS_REFUSED = Counter(
    "tocsin_detections_refused_records_total", "Alerts and hits that the log refused for good."
)
UNDECODABLE = Counter(
    "tocsin_detections_undecodable_records_total", "Records of events.log that hold no event."
)
UNDECODABLE_HITS = Counter(
    "tocsin_detections_undecodable_hits_total",
    "Records of detections.hits that hold neither hit nor tick.",
)
EVALUATION_SECONDS = Histogram(
    "tocsin_detections_evaluation_seconds",
    "Time to hold a batch of events against the rules.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RULES = Gauge("tocsin_detections_loaded_rules", "Rules in force.", ["kind"])
PROBLEMS = Gauge("tocsin_detections_rule_problems", "Rule files or documents that gave no rule.")
LAG = Gauge("tocsin_detections_lag_records", "Records of events.log not yet evaluated.")
GROUPS = Gauge("tocsin_detections_correlation_groups", "Groups that correlations follow.")
HITS = Gauge("tocsin_detections_correlation_hits", "Events that correlations remember.")
UNCOUNTED = Counter(
    "tocsin_detections_uncounted_hits_total",
    "What a correlation did not count: late and lost events, events without group or value, "
    "evicted groups; by id of the correlation.",
    ["rule", "reason"],
)


class Uncounted:
    """Publishes what correlators count, each of which begins at nothing."""

    def __init__(self) -> None:
        self._published: Mapping[tuple[str, str], int] = {}

    def publish(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Add what was counted since the last time, by id of the correlation and reason."""
        for (rule, reason), count in counts.items():
            before = self._published.get((rule, reason), 0)
            more = count - before if count >= before else count
            if more:
                UNCOUNTED.labels(rule=rule, reason=reason).inc(more)
        self._published = dict(counts)
