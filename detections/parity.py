"""Proof that a rule means the same on the stream and in the store, or the event that shows it not.

A rule is held against the same offsets three times: by the engine, by ``explain`` and, as the SQL
that ``hunt`` writes, by the store. Whoever runs it gives the function that asks the store.
"""

from collections.abc import Awaitable, Callable, Mapping
from itertools import islice

import msgspec

from detections.compiler import Rule
from detections.engine import Engine
from detections.explain import explain
from detections.history import History
from detections.hunt import Hunt, hunt
from detections.rule_set import RuleSet
from pipeline.bus.position import OffsetRange, TopicPartition

# Counter-examples that are named; all of them are counted.
MAX_NAMED = 20

# Ids of the stored events of a range that a hunt finds.
AskStore = Callable[[Hunt, TopicPartition, OffsetRange], Awaitable[frozenset[str]]]


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """What came of holding one revision of a rule against some offsets in three ways.

    Attributes:
        rule_id, revision: Which rule.
        covered: First and end offset of each partition, by ``topic-partition``.
        events: How many events were there.
        matches: How many of them the engine matches.
        only_engine: Ids that the engine found and the store did not, at most 20.
        only_store: Ids that the store found and the engine did not, at most 20.
        unexplained: Ids about which ``explain`` and the engine disagree, at most 20.
        differences: How many ids there are in all three.
        notes: For which values the SQL may say something else.
    """

    rule_id: str
    revision: str
    covered: Mapping[str, tuple[int, int]]
    events: int
    matches: int
    only_engine: tuple[str, ...]
    only_store: tuple[str, ...]
    unexplained: tuple[str, ...]
    differences: int
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all three said the same."""
        return self.differences == 0


async def check_parity(rule: Rule, history: History, ask: AskStore) -> Parity:
    """Hold a rule against a range of the log and against what the store has of it.

    Raises:
        SqlImpossible: The rule cannot be asked of the store.
        PipelineError: The log or the store does not answer.
    """
    question = hunt(rule)
    engine = Engine(RuleSet(rules=[rule]))
    events = 0
    found: set[str] = set()
    unexplained: set[str] = set()
    async for page in history.pages():
        for event, _ in page:
            raw = event.raw.decode("utf-8", "replace")
            matches = bool(engine.evaluate(event.fields, raw))
            if matches:
                found.add(event.id)
            if explain(rule, event.fields, raw).matches != matches:
                unexplained.add(event.id)
        events += len(page)
    stored: set[str] = set()
    for partition, span in history.covered.items():
        stored |= await ask(question, partition, span)
    return Parity(
        rule_id=rule.id,
        revision=rule.revision,
        covered=history.named(),
        events=events,
        matches=len(found),
        only_engine=_named(found - stored),
        only_store=_named(stored - found),
        unexplained=_named(unexplained),
        differences=len(found ^ stored) + len(unexplained),
        notes=tuple(question.notes),
    )


def _named(ids: set[str]) -> tuple[str, ...]:
    return tuple(islice(sorted(ids), MAX_NAMED))
