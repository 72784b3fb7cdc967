"""The server's assignors of consumer groups (KIP-848): who shall read which partition. Pure.

``uniform`` gives everybody the same number of partitions as far as subscriptions allow, and moves
as few as it can. ``range`` gives everybody a run of neighbours of each topic, the same of topics
that have as many partitions and the same subscribers, so that they can be joined.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType

from broker_core.coordinator.topic_partitions import TopicPartition

MAX_LOOKS = 1_000_000

Assignment = Mapping[str, Set[TopicPartition]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a member subscribes to, and what it was to have before.

    Attributes:
        topics: Ids of topics that exist.
        before: Its share of the assignment that is replaced.
        instance_id: Of a static member, which keeps its place over restarts.
    """

    topics: frozenset[bytes]
    before: Set[TopicPartition] = frozenset()
    instance_id: str | None = None


Assignor = Callable[[Mapping[str, Wish], Mapping[bytes, int]], Assignment]


def assign_range(wishes: Mapping[str, Wish], partitions: Mapping[bytes, int]) -> Assignment:
    """Give runs of neighbours.

    Args:
        wishes: By member id.
        partitions: How many each topic has that somebody subscribes to.
    """
    given: dict[str, set[TopicPartition]] = {member_id: set() for member_id in wishes}
    order = sorted(wishes, key=lambda each: (wishes[each].instance_id or each, each))
    for topic_id, readers in _readers(order, wishes, partitions).items():
        share, more = divmod(partitions[topic_id], len(readers) or 1)
        start = 0
        for place, member_id in enumerate(readers if share else readers[:more]):
            end = start + share + (place < more)
            given[member_id].update(TopicPartition(topic_id, n) for n in range(start, end))
            start = end
    return given


def assign_uniform(wishes: Mapping[str, Wish], partitions: Mapping[bytes, int]) -> Assignment:
    """Give everybody as many, and let everybody keep what can be kept.

    Where very many members have very many topics, and not the same, it is not looked for every
    move that would make their shares more alike (:data:`MAX_LOOKS`).

    Args:
        wishes: By member id.
        partitions: How many each topic has that somebody subscribes to.
    """
    given = _kept(wishes, partitions)
    are_alike = _are_alike(wishes)
    if are_alike:
        _trim(given, partitions)
    readers = _readers(sorted(wishes), wishes, partitions)
    _fill(given, partitions, readers, are_alike)
    if not are_alike:
        _balance(given, readers)
    return given


def _are_alike(wishes: Mapping[str, Wish]) -> bool:
    return len({wish.topics for wish in wishes.values()}) == 1


def _readers(
    order: Sequence[str], wishes: Mapping[str, Wish], partitions: Mapping[bytes, int]
) -> Mapping[bytes, Sequence[str]]:
    """Who subscribes to each topic, in that order."""
    if _are_alike(wishes):
        return dict.fromkeys(partitions, order)
    readers: dict[bytes, list[str]] = {topic_id: [] for topic_id in partitions}
    for member_id in order:
        for topic_id in wishes[member_id].topics:
            readers[topic_id].append(member_id)
    return readers


def _kept(
    wishes: Mapping[str, Wish], partitions: Mapping[bytes, int]
) -> dict[str, set[TopicPartition]]:
    """What everybody was to have and still subscribes to; a partition has one such member."""
    given: dict[str, set[TopicPartition]] = {}
    taken: set[TopicPartition] = set()
    for member_id in sorted(wishes):
        wish = wishes[member_id]
        given[member_id] = {
            each
            for each in wish.before
            if each.topic_id in wish.topics
            and each.number < partitions.get(each.topic_id, 0)
            and each not in taken
        }
        taken |= given[member_id]
    return given


def _trim(given: dict[str, set[TopicPartition]], partitions: Mapping[bytes, int]) -> None:
    """Take what is more than a fair share, where all subscribe to the same topics."""
    share, more = divmod(sum(partitions.values()), len(given))
    for member_id in sorted(given, key=lambda each: (-len(given[each]), each)):
        quota = share + (more > 0)
        if len(given[member_id]) >= quota:
            more -= quota - share
            given[member_id] = set(sorted(given[member_id])[:quota])


def _fill(
    given: dict[str, set[TopicPartition]],
    partitions: Mapping[bytes, int],
    readers: Mapping[bytes, Sequence[str]],
    are_alike: bool,
) -> None:
    """Give what nobody has to whoever has least."""
    taken: set[TopicPartition] = set().union(*given.values())
    loads: list[tuple[int, str]] = []
    # Topics that few can read come first: the others can still make up for them.
    for topic_id in sorted(partitions, key=lambda each: (len(readers[each]), each)):
        numbers = range(partitions[topic_id])
        free = [each for n in numbers if (each := TopicPartition(topic_id, n)) not in taken]
        if free and not (are_alike and loads):
            loads = [(len(given[each]), each) for each in readers[topic_id]]
            heapq.heapify(loads)
        for partition in free if loads else ():
            load, member_id = loads[0]
            given[member_id].add(partition)
            heapq.heapreplace(loads, (load + 1, member_id))


def _balance(given: dict[str, set[TopicPartition]], readers: Mapping[bytes, Sequence[str]]) -> None:
    """Move partitions from who has most to who has least, while that makes them more alike."""
    loads = {member_id: len(share) for member_id, share in given.items()}
    held: dict[bytes, dict[str, list[int]]] = {topic_id: {} for topic_id in readers}
    for member_id, share in given.items():
        for topic_id, number in sorted(share):
            held[topic_id].setdefault(member_id, []).append(number)
    looks, moved = 0, True
    while moved and looks < MAX_LOOKS:
        moved = False
        for topic_id, members in readers.items():
            looks += len(members)
            for most, least, number in _moves(loads, members, held[topic_id]):
                given[most].remove(TopicPartition(topic_id, number))
                given[least].add(TopicPartition(topic_id, number))
                moved = True


def _moves(
    loads: dict[str, int], members: Sequence[str], held: dict[str, list[int]]
) -> Iterator[tuple[str, str, int]]:
    """Make one topic's readers as alike as it can: who gives which partition to whom.

    Args:
        loads: How many partitions of all topics everybody has; kept up to date.
        members: Who reads the topic.
        held: The topic's partitions by who has them; kept up to date.
    """
    least = [(loads[each], each) for each in members]
    most = [(-loads[each], each) for each in held]
    heapq.heapify(least)
    heapq.heapify(most)
    while most:
        (load, giver), (low, taker) = most[0], least[0]
        if -load != loads[giver] or not held[giver]:
            heapq.heappop(most)  # it says what was true earlier, as the next one may
        elif low != loads[taker]:
            heapq.heappop(least)
        elif -load - low < 2:
            return
        else:
            number = held[giver].pop()
            held.setdefault(taker, []).append(number)
            for each, change in ((giver, -1), (taker, 1)):
                loads[each] += change
                heapq.heappush(most, (-loads[each], each))
                heapq.heappush(least, (loads[each], each))
            yield giver, taker, number


ASSIGNORS: Mapping[str, Assignor] = MappingProxyType(
    {"uniform": assign_uniform, "range": assign_range}
)
DEFAULT_ASSIGNOR = "uniform"
