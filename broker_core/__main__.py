"""Run one broker by itself, without the rest of Tocsin, open to anyone on loopback.

``python -m broker_core --data-dir D --listen HOST:PORT`` prints one line when it serves, and stops
in order on SIGINT or SIGTERM.
"""

import argparse
import asyncio
import ipaddress
import logging
import signal
import sys
from pathlib import Path

import structlog
import uvloop

from broker_core.broker import Broker
from broker_core.errors import StorageError
from broker_core.settings import Access, BrokerSettings


def main() -> int:
    """Run until told to stop; 1 if it cannot start."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        settings = _settings(sys.argv[1:])
        uvloop.run(_serve(settings))
    except (StorageError, OSError, ValueError) as error:
        sys.stderr.write(f"broker_core: {error}\n")
        return 1
    return 0


def _settings(arguments: list[str]) -> BrokerSettings:
    parser = argparse.ArgumentParser(prog="python -m broker_core", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the logs lie")
    parser.add_argument(
        "--listen", default="127.0.0.1:9092", metavar="HOST:PORT", help="port 0: any free one"
    )
    parsed = parser.parse_args(arguments)
    host, _, port = parsed.listen.rpartition(":")
    host = host.strip("[]")
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address, and anyone may do everything here")
    return BrokerSettings(
        data_dir=parsed.data_dir,
        host=host,
        port=int(port),
        access=Access.OPEN,
        auto_create_topics=True,
    )


async def _serve(settings: BrokerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Broker(settings) as broker:
        sys.stdout.write(f"listening on {settings.host}:{broker.port}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
