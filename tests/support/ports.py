"""Ports for what must be told its port, or keep it over a restart."""

import random
import socket

# Below what kernels give to outgoing connections (ip_local_port_range begins at 32768): no client
# that calls again and again takes the port while its server restarts.
_FIRST, _LAST = 10_000, 32_000


def free_port() -> int:
    """A loopback port that is free for TCP and UDP now, and that only a server would take."""
    dice = random.SystemRandom()
    for _ in range(1_000):
        port = dice.randrange(_FIRST, _LAST)
        if is_free(port):
            return port
    raise AssertionError(f"no port is free between {_FIRST} and {_LAST}")


def is_free(port: int) -> bool:
    """Whether nothing has the loopback port, by TCP or UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
