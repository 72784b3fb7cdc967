"""What is measured by looking now and then: the size of every log, and how far groups are behind.

A group's lag is counted by topic, by the node that coordinates the group; that of a topic is not
shown while a leader of its partitions cannot be asked. For the event loop.
"""

import asyncio
from collections import Counter

from prometheus_client import Gauge

from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.high_watermarks import HighWatermarks
from broker_core.log.log_directory import LogDirectory
from broker_core.metrics import GROUP_LAG, LOG_SIZE

LOOK_SECONDS = 10.0


class Measuring:
    """Keeps gauges that follow topics and groups as they come and go."""

    def __init__(
        self, logs: LogDirectory, groups: GroupRegistry, high_watermarks: HighWatermarks
    ) -> None:
        self._logs = logs
        self._groups = groups
        self._high_watermarks = high_watermarks
        self._shown: dict[Gauge, set[tuple[str, ...]]] = {LOG_SIZE: set(), GROUP_LAG: set()}

    async def run(self) -> None:
        """Look every ten seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Bring the gauges up to date."""
        sizes: Counter[tuple[str, ...]] = Counter()
        for (topic, _), log in self._logs.partitions().items():
            sizes[topic,] += log.bytes
        self._show(LOG_SIZE, sizes)
        self._show(GROUP_LAG, await self._lags())

    async def _lags(self) -> Counter[tuple[str, ...]]:
        """How many records every group is behind, by group and topic."""
        groups = {name: self._groups.progress(name).committed for name in self._groups.names}
        read = {where for committed in groups.values() for where in committed}
        ends = await self._high_watermarks.of(read)
        unknown = {topic for (topic, _), end in ends.items() if end is None}
        lags: Counter[tuple[str, ...]] = Counter()
        for group, committed in groups.items():
            for (topic, number), offset in committed.items():
                end = ends.get((topic, number))
                if end is not None and topic not in unknown:
                    lags[group, topic] += max(0, end - offset)
        return lags

    def _show(self, gauge: Gauge, values: Counter[tuple[str, ...]]) -> None:
        for labels, value in values.items():
            gauge.labels(*labels).set(value)
        for gone in self._shown[gauge] - values.keys():
            gauge.remove(*gone)
        self._shown[gauge] = set(values)
