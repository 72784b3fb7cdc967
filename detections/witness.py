"""The items that a condition needs: at least one of them holds whenever the condition does. Pure.

So a rule has to be held against an event only if one of its witnesses holds. Of SigmaHQ's rules
four have none and are held against every event of their kind.
"""

from collections.abc import Iterable
from itertools import chain

from detections.compiler import All, Any, AtLeast, Item, Node, Not
from detections.matchers import FieldReference, Text, holds_without_value


def _weight(item: Item) -> float:
    """About how often a test holds: rare tests make good witnesses."""
    if holds_without_value(item.test):
        return 100.0
    if isinstance(item.test, Text):
        per_place = {"equals": 2.0, "endswith": 10.0, "startswith": 20.0, "contains": 20.0}
        return per_place[item.test.place] / (1 + len(item.test.text))
    return 3.0


def witness(node: Node) -> list[Item] | None:
    """Items of which at least one holds whenever the node does; None if there are none such.

    Field references never count: signatures don't know them.
    """
    match node:
        case Item():
            return None if isinstance(node.test, FieldReference) else [node]
        case All(nodes):
            choices = _witnesses(nodes)
            return choices[0] if choices else None
        case AtLeast(count, nodes):
            # Of any len - count + 1 nodes, one is among the count that hold.
            needed, choices = len(nodes) - count + 1, _witnesses(nodes)
            if len(choices) < needed:
                return None
            return list(chain.from_iterable(choices[:needed]))
        case Any(nodes):
            parts = [witness(inner) for inner in nodes]
            if any(part is None for part in parts):
                return None
            return [item for part in parts if part is not None for item in part]
        case Not():
            return None


def _witnesses(nodes: Iterable[Node]) -> list[list[Item]]:
    """The witnesses of those nodes that have any, the rarest first."""
    found = (witness(node) for node in nodes)
    return sorted(
        (items for items in found if items is not None), key=lambda items: sum(map(_weight, items))
    )
