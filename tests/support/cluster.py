"""A cluster of our own processes: a controller and its nodes, killed and started as a test says."""

from pathlib import Path
from types import TracebackType

from tests.support.standalone_broker import StandaloneBroker


class Cluster:
    """A context manager: a controller and nodes 1, 2, … between enter and exit.

    Attributes:
        controller: Its process.
        nodes: Their processes, by number.
    """

    def __init__(self, directory: Path, *, nodes: int = 3, arguments: tuple[str, ...] = ()) -> None:
        """Know what to start; ``arguments`` go to every node's command besides."""
        self._directory = directory
        self._arguments = arguments
        self._secret = ("--secret-file", str(directory / "secret"))
        self.controller = StandaloneBroker(directory / "controller", "--controller", *self._secret)
        self._count = nodes
        self.nodes: dict[int, StandaloneBroker] = {}

    @property
    def bootstrap(self) -> str:
        """Every node's address."""
        return ",".join(node.address for node in self.nodes.values())

    def data_dir(self, number: int) -> Path:
        """Where a node keeps its partitions."""
        return self._directory / f"node-{number}"

    def __enter__(self) -> "Cluster":
        """Start the controller, then the nodes."""
        self.controller.start()
        for number in range(1, self._count + 1):
            join = ("--join", self.controller.address, "--node-id", str(number))
            given = (*join, *self._secret, *self._arguments)
            self.nodes[number] = StandaloneBroker(self.data_dir(number), *given)
            self.nodes[number].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the nodes, then the controller."""
        for node in self.nodes.values():
            node.stop()
        self.controller.stop()
