"""What is measured by looking now and then: the size of every log, and how far groups are behind.

A group's lag is counted for partitions that this node holds, by topic. For the event loop.
"""

import asyncio
from collections import Counter

from prometheus_client import Gauge

from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.log.log_directory import LogDirectory
from broker_core.metrics import GROUP_LAG, LOG_SIZE

LOOK_SECONDS = 10.0


class Measuring:
    """Keeps gauges that follow topics and groups as they come and go."""

    def __init__(self, logs: LogDirectory, groups: GroupRegistry) -> None:
        self._logs = logs
        self._groups = groups
        self._shown: dict[Gauge, set[tuple[str, ...]]] = {LOG_SIZE: set(), GROUP_LAG: set()}

    async def run(self) -> None:
        """Look every ten seconds until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Bring the gauges up to date."""
        sizes: Counter[tuple[str, ...]] = Counter()
        for (topic, _), log in self._logs.partitions().items():
            sizes[topic,] += log.bytes
        self._show(LOG_SIZE, sizes)
        lags: Counter[tuple[str, ...]] = Counter()
        for group in self._groups.names:
            for (topic, number), offset in self._groups.progress(group).committed.items():
                found = self._logs.get(topic, number)
                if found is not None:
                    lags[group, topic] += max(0, found.high_watermark - offset)
        self._show(GROUP_LAG, lags)

    def _show(self, gauge: Gauge, values: Counter[tuple[str, ...]]) -> None:
        for labels, value in values.items():
            gauge.labels(*labels).set(value)
        for gone in self._shown[gauge] - values.keys():
            gauge.remove(*gone)
        self._shown[gauge] = set(values)
