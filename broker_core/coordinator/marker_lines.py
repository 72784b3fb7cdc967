"""MarkerLines: which of a node's connections may still bring markers here. Pure.

Who gets no answer to a marker sends it again on a new connection. What was sent on the old one may
still lie in some buffer, and come after the producer has begun its next transaction, with the same
epoch: it would end that one. So connections are numbered by their sender, and once a marker has
come on one, none is taken from those before. A coordinator on another node is told apart by the
epoch that markers carry.
"""

from broker_core.protocol.messages.write_txn_markers import MarkerSender


class MarkerLines:
    """The newest connection of every node that has brought a marker."""

    def __init__(self) -> None:
        self._newest: dict[int, tuple[int, int]] = {}

    def is_cut(self, sender: MarkerSender) -> bool:
        """Whether a newer connection of the same node has brought a marker; ask at the writing."""
        line = sender.node_epoch, sender.line
        newest = self._newest[sender.node_id] = max(line, self._newest.get(sender.node_id, line))
        return line < newest
