"""Writes syslog over TCP at a steady rate; a process of its own, so that its cost is not counted.

Prints ``{"sent": N}``. Every message is complete and octet-counted (RFC 6587, §3.4.1).
"""

import argparse
import itertools
import json
import random
import socket
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

CONNECTIONS = 4
TICK_SECONDS = 0.02


def messages(seed: int) -> Iterator[bytes]:
    """An endless mix of what servers and firewalls send, about 180 bytes each."""
    dice = random.Random(seed)
    while True:
        now = datetime.now(UTC)
        stamp = now.strftime("%b %e %H:%M:%S")
        user, host = f"user{dice.randrange(200)}", f"web-{dice.randrange(20):02d}"
        address = f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        port, pid = dice.randrange(1024, 65536), dice.randrange(300, 65536)
        kind = dice.randrange(5)
        if kind == 0:
            text = f"Accepted publickey for {user} from {address} port {port} ssh2: ED25519"
            line = f"<38>{stamp} {host} sshd[{pid}]: {text}"
        elif kind == 1:
            text = (
                f"{user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/apt update"
            )
            line = f"<86>{stamp} {host} sudo[{pid}]:   {text}"
        elif kind == 2:
            line = f"<78>{stamp} {host} CRON[{pid}]: ({user}) CMD (/usr/local/bin/report-{pid})"
        elif kind == 3:
            when = now.strftime("%d/%b/%Y:%H:%M:%S +0000")
            request = f'"GET /shop/item/{pid}?ref={port} HTTP/1.1" 200 {port}'
            text = f'{address} - - [{when}] {request} "-" "Mozilla/5.0 (X11; Linux x86_64)"'
            line = f"<190>{stamp} {host} nginx: {text}"
        else:
            traffic = f"srcip={address} srcport={port} dstip=192.0.2.{pid % 250} dstport=443"
            text = f'logid="0000000013" type="traffic" subtype="forward" {traffic} action="accept"'
            line = f'<189>date={now:%Y-%m-%d} time={now:%H:%M:%S} devname="fw-01" {text}'
        yield f"{len(line)} {line}".encode()


def main() -> None:
    """Send at the rate over several connections, then close them all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    given = parser.parse_args()
    pool = list(itertools.islice(messages(1), 20_000))
    wires = [socket.create_connection(("127.0.0.1", given.port)) for _ in range(CONNECTIONS)]
    total, sent, started = given.rate * given.seconds, 0, time.monotonic()
    for turn in itertools.count():
        due = min(total, int((time.monotonic() - started) * given.rate))
        if due > sent:
            chunk = [pool[index % len(pool)] for index in range(sent, due)]
            wires[turn % CONNECTIONS].sendall(b"".join(chunk))
            sent = due
        if sent == total:
            break
        time.sleep(TICK_SECONDS)
    for wire in wires:
        wire.shutdown(socket.SHUT_WR)
        wire.close()
    json.dump({"sent": sent}, sys.stdout)


if __name__ == "__main__":
    main()
