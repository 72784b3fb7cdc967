"""Verdicts: what a person can read of them, and why they are as they are."""

from detections.explain import Explanation
from web.rendering.verdicts import MAX_NODES, branch_of


def _item(number: int, *, holds: bool) -> Explanation:
    return Explanation(kind="item", holds=holds, field="f", test=f"equals {number}", seen="x")


def test_of_too_many_nodes_those_that_hold_are_kept_in_their_order() -> None:
    nodes = tuple(_item(number, holds=number in (0, 500, 999)) for number in range(1_000))

    drawn = branch_of(Explanation(kind="any", holds=True, nodes=nodes))

    assert len(drawn.nodes) == MAX_NODES
    assert drawn.left_out == 1_000 - MAX_NODES
    assert [node.test for node in drawn.nodes if node.holds] == [
        "equals 0",
        "equals 500",
        "equals 999",
    ]


def test_more_that_hold_than_anybody_reads_are_cut_too() -> None:
    nodes = tuple(_item(number, holds=True) for number in range(MAX_NODES + 5))

    drawn = branch_of(Explanation(kind="all", holds=True, nodes=nodes))

    assert (len(drawn.nodes), drawn.left_out) == (MAX_NODES, 5)


def test_a_value_is_one_line_and_no_value_is_none() -> None:
    several = Explanation(kind="item", holds=True, field="f", test="t", seen=["a", 7])
    missing = Explanation(kind="item", holds=False, field="f", test="t", seen=None)

    assert branch_of(several).seen == "a, 7"
    assert branch_of(missing).seen is None
