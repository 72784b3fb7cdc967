"""Markers that were sent again, and the ones that were given up."""

from broker_core.coordinator.marker_lines import MarkerLines
from broker_core.protocol.messages.write_txn_markers import MarkerSender


def sender(node_id: int, node_epoch: int, line: int) -> MarkerSender:
    return MarkerSender(node_id=node_id, node_epoch=node_epoch, line=line)


def test_nothing_comes_on_a_connection_after_its_successor() -> None:
    lines = MarkerLines()
    assert not lines.is_cut(sender(1, 10, 1))
    assert not lines.is_cut(sender(1, 10, 1))
    assert not lines.is_cut(sender(1, 10, 2))

    assert lines.is_cut(sender(1, 10, 1))
    assert not lines.is_cut(sender(1, 10, 2))


def test_a_node_that_was_started_anew_counts_from_the_beginning() -> None:
    lines = MarkerLines()
    assert not lines.is_cut(sender(1, 10, 7))

    assert not lines.is_cut(sender(1, 11, 1))
    assert lines.is_cut(sender(1, 10, 8))


def test_nodes_do_not_get_in_each_others_way() -> None:
    lines = MarkerLines()
    assert not lines.is_cut(sender(1, 10, 2))

    assert not lines.is_cut(sender(2, 9, 1))
