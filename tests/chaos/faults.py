"""What is done to a cluster while it works, and how it is undone.

Every fault strikes one node (or the controller), lasts a while, and is healed so that the cluster
can become whole again by itself: a fault that needs more than a restart to heal is a finding.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cluster import Cluster, Process
from tests.chaos.hosts import cut, forget_connections, mend, mute, unmute

BLOCK_BYTES = 1024 * 1024
MUTE_SECONDS = 0.25  # every producer has something under way; later TCP sends nothing new


@contextmanager
def killed(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """Kill -9; started again afterwards."""
    victim.kill()
    yield
    victim.start()


@contextmanager
def stopped(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """SIGSTOP: it holds its connections and its opinions, and later goes on with them."""
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(victim.pid, signal.SIGCONT)


@contextmanager
def parted(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """No packet to or from some of the other processes of the cluster, or all; clients reach it."""
    others = [other for other in cluster.processes if other is not victim]
    chosen = others if dice.random() < 0.5 else dice.sample(others, dice.randint(1, len(others)))
    for other in chosen:
        cut(victim.host, other.host)
    try:
        yield
    finally:
        for other in chosen:
            mend(victim.host, other.host)


@contextmanager
def cut_off(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """No packet to or from any other process of the cluster; clients reach it and go on with it."""
    others = [other for other in cluster.processes if other is not victim]
    for other in others:
        cut(victim.host, other.host)
    try:
        yield
    finally:
        for other in others:
            mend(victim.host, other.host)


@contextmanager
def muted(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """Its answers are lost for a while, then it is killed: clients send again what it has."""
    mute(victim.host)
    try:
        time.sleep(MUTE_SECONDS)
        victim.kill()
        forget_connections(victim.host)
    finally:
        unmute(victim.host)
    yield
    victim.start()


@contextmanager
def filled(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """Not a byte is free on its disk."""
    ballast = victim.host.disk / "ballast"
    _fill(ballast)
    try:
        yield
    finally:
        ballast.unlink()
    victim.restart_if_out_of_service()


def _fill(ballast: Path) -> None:
    block = bytes(BLOCK_BYTES)
    size = BLOCK_BYTES
    with ballast.open("wb", buffering=0) as file:
        while size:
            try:
                file.write(block[:size])
            except OSError:
                size //= 2


@contextmanager
def unsynced(victim: Process, cluster: Cluster, dice: random.Random) -> Iterator[None]:
    """Every fsync and fdatasync of it fails with EIO."""
    inject = "inject=fsync,fdatasync:error=EIO"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync,fdatasync"]
    tracer = subprocess.Popen([*command, "-e", inject, "-p", str(victim.pid)])
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait()
    victim.restart_if_out_of_service()


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault and whom it may strike.

    Attributes:
        on_controller: Whether the controller is struck, too.
        on_leader: Whether only the node is struck that leads the first partition.
    """

    name: str
    strike: Callable[[Process, Cluster, random.Random], AbstractContextManager[None]]
    on_controller: bool = False
    on_leader: bool = False

    def victims(self, cluster: Cluster) -> Sequence[Process]:
        """Who may be struck."""
        if self.on_leader:
            return [cluster.leader()]
        return cluster.processes if self.on_controller else cluster.nodes


FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("killed", killed, on_controller=True),
        FaultKind("stopped", stopped, on_controller=True),
        FaultKind("parted", parted),
        FaultKind("filled", filled, on_controller=True),
        FaultKind("unsynced", unsynced),
        FaultKind("cut-off", cut_off, on_leader=True),
        FaultKind("muted", muted, on_leader=True),
    )
}
