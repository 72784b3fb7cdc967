"""Small hosts on one machine: a network namespace and a disk each, as root.

All hosts hang on one bridge, so that the machine itself (where the clients are) and all hosts reach
each other. Cutting two hosts apart is a blackhole route on both sides: packets vanish, connections
stay open, as when a cable is pulled. One is muted by a neighbour that
is not there.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

DISK_BYTES = 512 * 1024 * 1024
NEEDED = ("ip", "mount", "ss", "strace")
NOBODY = "02:00:00:00:00:01"  # an Ethernet address that no host has


@dataclass(frozen=True, slots=True)
class Host:
    """One host.

    Attributes:
        address: Its IPv4 address.
        namespace: The name of its network namespace.
        disk: Where its own small filesystem is mounted.
        clients: The address that all clients of a run come from.
    """

    address: str
    namespace: str
    disk: Path
    clients: str

    @property
    def inside(self) -> list[str]:
        """What a command begins with to run on this host."""
        return ["ip", "netns", "exec", self.namespace]


def why_impossible() -> str | None:
    """What is missing for hosts to be made here; None if nothing is."""
    if os.geteuid() != 0:
        return "network namespaces and mounts need root"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@contextmanager
def hosts(scratch: Path, count: int) -> Iterator[Sequence[Host]]:
    """Make hosts, and leave nothing of them behind.

    Args:
        scratch: Where their disks are mounted.
        count: How many, at most 200.
    """
    tag = f"{os.getpid() % 0xFFFF:04x}"
    network = f"10.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}"
    bridge = f"chaos{tag}"
    with ExitStack() as opened:
        run("ip", "link", "add", bridge, "type", "bridge")
        opened.callback(run, "ip", "link", "delete", bridge)
        run("ip", "address", "add", f"{network}.1/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        made = []
        for number in range(count):
            host = Host(
                f"{network}.{number + 10}",
                f"{bridge}-{number}",
                scratch / f"disk-{number}",
                f"{network}.1",
            )
            opened.enter_context(_namespace(host, bridge, f"{tag}h{number}"))
            opened.enter_context(_disk(host.disk))
            made.append(host)
        yield made


@contextmanager
def _namespace(host: Host, bridge: str, link: str) -> Iterator[None]:
    with ExitStack() as opened:
        run("ip", "netns", "add", host.namespace)
        opened.callback(run, "ip", "netns", "delete", host.namespace)
        run("ip", "link", "add", link, "type", "veth", "peer", "eth0", "netns", host.namespace)
        # The kernel takes a namespace's links away some time after the namespace; this one at once,
        # since the next run of this process uses its name again.
        opened.callback(run, "ip", "link", "delete", link)
        run("ip", "link", "set", link, "master", bridge, "up")
        inside = ("ip", "-n", host.namespace)
        run(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        yield


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    place.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place))
    try:
        yield
    finally:
        run("umount", "--lazy", str(place))


def cut(one: Host, other: Host) -> None:
    """Let no packet through between two hosts; both stay in reach of everybody else."""
    _lose(one, other.address)
    _lose(other, one.address)


def mend(one: Host, other: Host) -> None:
    """Undo :func:`cut`."""
    _find(one, other.address)
    _find(other, one.address)


def mute(host: Host) -> None:
    """Let no packet through from a host to the clients; what they say still comes in.

    It is sent to a neighbour that does not exist: behind a blackhole route nothing comes in either.
    """
    _neighbour(host, "replace", "lladdr", NOBODY, "nud", "permanent")


def unmute(host: Host) -> None:
    """Undo :func:`mute`."""
    _neighbour(host, "delete")


def forget_connections(host: Host) -> None:
    """Let a host know nothing of its connections, as after a power cut.

    The kernel sends what a killed process has left, even much later.
    """
    run(*host.inside, "ss", "--kill", "--tcp", "state", "all")


def _neighbour(host: Host, action: str, *more: str) -> None:
    run("ip", "-n", host.namespace, "neighbour", action, host.clients, "dev", "eth0", *more)


def _lose(host: Host, address: str) -> None:
    run("ip", "-n", host.namespace, "route", "add", "blackhole", f"{address}/32")


def _find(host: Host, address: str) -> None:
    run("ip", "-n", host.namespace, "route", "delete", "blackhole", f"{address}/32")


def run(*command: str) -> None:
    """Run a command that must succeed; says what it printed if it does not.

    Raises:
        RuntimeError: It failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
