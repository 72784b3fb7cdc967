"""Event in, matches out: an event's log sources choose the class of rules that it is held against.

Classes are built when the first event of their kind comes (``detections.rule_class``) and share one
budget of memory. The engine is a function of rules and event: it reads no clock and no file. Not
thread-safe; one engine belongs to one thread.
"""

from collections.abc import Sequence

from detections.compiler import Rule
from detections.log_source import ROUTING_FIELDS, EventSources, sources_of
from detections.rule_class import Fields, Match, RuleClass
from detections.rule_set import RuleSet
from detections.signature import Budget

__all__ = ["Engine", "Match"]

DEFAULT_MEMO_BYTES = 96 << 20
_MAX_ROUTES = 8_192
_MAX_CLASSES = 512


class Engine:
    """All rules of a rule set, ready for events.

    >>> from detections.rule_set import RuleSet
    >>> Engine(RuleSet()).evaluate({"EventID": 1}, "")
    []
    """

    def __init__(self, rule_set: RuleSet, *, memo_bytes: int = DEFAULT_MEMO_BYTES) -> None:
        self._rules = list(rule_set.rules)
        self._budget = Budget(memo_bytes)
        self._routes: dict[tuple[object, ...], RuleClass] = {}
        self._classes: dict[tuple[int, ...], RuleClass] = {}

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that are evaluated, in the order of the rule set."""
        return self._rules

    def evaluate(
        self, fields: Fields, raw: str, sources: EventSources | None = None
    ) -> list[Match]:
        """The rules that an event satisfies, in the order of the rule set.

        Args:
            fields: The event's fields, flat.
            raw: The message as received; keywords are looked for in it.
            sources: What the event belongs to; None to read it from the fields.
        """
        return (self._route(fields) if sources is None else self._class(sources)).evaluate(
            fields, raw
        )

    def _route(self, fields: Fields) -> RuleClass:
        key: tuple[object, ...] = tuple(map(fields.get, ROUTING_FIELDS))
        try:
            return self._routes[key]
        except KeyError:
            pass
        except TypeError:  # a list among them
            key = tuple(tuple(part) if isinstance(part, list) else part for part in key)
            if (known := self._routes.get(key)) is not None:
                return known
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        route = self._routes[key] = self._class(sources_of(fields))
        return route

    def _class(self, sources: EventSources) -> RuleClass:
        numbers = tuple(
            number for number, rule in enumerate(self._rules) if sources.admits(rule.log_source)
        )
        found = self._classes.get(numbers)
        if found is None:
            if len(self._classes) >= _MAX_CLASSES:
                self._forget_classes()
            rules = [self._rules[number] for number in numbers]
            found = self._classes[numbers] = RuleClass(rules, self._budget)
        return found

    def _forget_classes(self) -> None:
        """Start over: events name more combinations of log sources than rules can make sense of."""
        self._classes.clear()
        self._routes.clear()
        self._budget.forget_memos()
