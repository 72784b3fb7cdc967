"""The items that a condition needs: at least one of them holds whenever the condition does. Pure.

So a rule has to be held against an event only if one of its witnesses holds. Of SigmaHQ's rules
four have none and are held against every event of their kind.
"""

from detections.compiler import All, Any, Item, Node, Not
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
            choices = [found for inner in nodes if (found := witness(inner)) is not None]
            return min(choices, key=lambda found: sum(map(_weight, found)), default=None)
        case Any(nodes):
            parts = [witness(inner) for inner in nodes]
            if any(part is None for part in parts):
                return None
            return [item for part in parts if part is not None for item in part]
        case Not():
            return None
