"""Ports: a taken one is named, with what to do."""

import socket

import pytest

from appliance.ports import Port, PortTaken, demand_free


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_taken_port_is_named_with_its_purpose(kind: socket.SocketKind) -> None:
    datagram = kind == socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if not datagram:
            holder.listen()
        number = holder.getsockname()[1]
        port = Port(
            role="collectors", what="syslog", host="127.0.0.1", number=number, datagram=datagram
        )

        with pytest.raises(PortTaken, match=rf"Port {number} .*syslog.*\n.*--port-offset"):
            demand_free([port])


def test_free_ports_are_let_go_again() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    port = Port(role="web", what="console", host="127.0.0.1", number=number)

    demand_free([port, port])

    with socket.socket() as later:
        later.bind(("127.0.0.1", number))
