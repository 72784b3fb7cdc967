"""Which nodes hold a new partition, so that leaders and copies are spread. Pure.

A node's share is counted over all topics: whoever leads least leads next. So topics of one
partition each spread as well as one topic of many.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from broker_core.replication.cluster_state import Partition


def placed(
    partitions: int, copies: int, *, nodes: Sequence[int], existing: Iterable[Partition]
) -> list[tuple[int, ...]]:
    """Return the replicas of each new partition, its preferred leader first.

    Args:
        copies: At most as many as there are nodes.
        nodes: Those that may hold partitions.
        existing: Every partition of the cluster.

    >>> placed(4, 2, nodes=[1, 2, 3], existing=[])
    [(1, 2), (3, 1), (2, 3), (1, 3)]
    """
    ring = sorted(nodes)
    leads: Counter[int] = Counter()
    holds: Counter[int] = Counter()
    for partition in existing:
        leads[partition.replicas[0]] += 1
        holds.update(partition.replicas)
    assignment = []
    for _ in range(partitions):
        first = min(range(len(ring)), key=lambda place: (leads[ring[place]], holds[ring[place]]))
        after = ring[first + 1 :] + ring[:first]
        # Whoever comes second takes over when the first dies: not always the same one.
        turn = leads[ring[first]] % max(1, len(after))
        others = sorted(after[turn:] + after[:turn], key=lambda node: holds[node])
        replicas = (ring[first], *others[: copies - 1])
        leads[ring[first]] += 1
        holds.update(replicas)
        assignment.append(replicas)
    return assignment
