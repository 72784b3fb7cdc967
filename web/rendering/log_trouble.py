"""What is wrong with the copies of the log, in words. Pure."""

from dataclasses import dataclass

from web.operations.log_watch import LogState
from web.rendering.words import figure, plural


@dataclass(frozen=True, slots=True)
class LogTrouble:
    """Something that a person should know of the log's copies.

    Attributes:
        kind: bad if something stands still, warn if it would with one more failure.
        title: What is the case.
        text: What it means.
    """

    kind: str
    title: str
    text: str


def log_trouble(state: LogState) -> LogTrouble | None:
    """The worst of it; None if every partition has its leader and all of its copies."""
    if state.offline:
        verb = "is" if state.offline == 1 else "are"
        return LogTrouble(
            "bad",
            f"{_partitions(state.offline)} {verb} offline.",
            "Every copy that has all of their records is away: they are read and written again as"
            " soon as one of them is back.",
        )
    if state.under_replicated:
        verb = "lacks" if state.under_replicated == 1 else "lack"
        nodes = [str(node.node_id) for node in state.nodes if node.lacks]
        return LogTrouble(
            "warn",
            f"{_partitions(state.under_replicated)} {verb} a copy"
            f" on {plural(len(nodes), 'node')} {' and '.join(nodes)}.",
            "Nothing that was acknowledged is lost; what is missing is copied as soon as possible.",
        )
    return None


def _partitions(count: int) -> str:
    return f"{figure(count)} {plural(count, 'partition')}"
