"""Every port of the product, and whether it is free.

``--port-offset`` is added to all of them.
"""

import socket
from dataclasses import dataclass

METRICS_PORTS = {  # by process; a log of one node and one of several never run together
    "broker": 9440,
    "broker-1": 9440,
    "broker-2": 9447,
    "broker-3": 9448,
    "controller": 9449,
    "store": 9441,
    "sinks": 9442,
    "detections": 9443,
    "collectors": 9444,
    "web": 9445,
}
SUPERVISOR_PORT = 9446


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port that a role is going to listen on.

    Attributes:
        role: Who listens.
        what: For which protocol, in words for a person.
        host: On which address.
        number: The port.
        datagram: UDP instead of TCP.
    """

    role: str
    what: str
    host: str
    number: int
    datagram: bool = False


class PortTaken(Exception):
    """Another program listens on a port we need."""

    def __init__(self, port: Port, reason: str) -> None:
        kind = "UDP" if port.datagram else "TCP"
        super().__init__(
            f"Port {port.number} ({kind}, {port.what}) on {port.host} cannot be used: {reason}.\n"
            "Stop the program that holds it, or move all of Tocsin's ports: --port-offset 100"
        )
        self.port = port


def demand_free(ports: list[Port]) -> None:
    """Try every port once and let it go again.

    Raises:
        PortTaken: The first one that cannot be bound.
    """
    for port in ports:
        kind = socket.SOCK_DGRAM if port.datagram else socket.SOCK_STREAM
        family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
        with socket.socket(family, kind) as probe:
            if not port.datagram:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((port.host, port.number))
            except OSError as error:
                raise PortTaken(port, error.strerror or str(error)) from error


def reachable(host: str) -> str:
    """An address that a client on this machine can use."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
