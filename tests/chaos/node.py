"""One broker of a run, or the controller, in a process of its own, open to anyone who reaches it.

``python -m tests.chaos.node SETTINGS [--join HOST:PORT] [--controller] [--bug NAME]``: SETTINGS are
BrokerSettings or ControllerSettings as JSON; prints one line when it serves. With ``--bug`` it is
broken on purpose: does the checker notice?
"""

import argparse
import asyncio
import hashlib
import logging
import sys

import structlog
import uvloop

from broker_core.broker import Broker
from broker_core.controller import Controller
from broker_core.replication.node import Membership
from broker_core.replication.peer import Credentials
from broker_core.settings import BrokerSettings, ControllerSettings
from tests.chaos.seeded_bugs import BUGS

SECRET = "between the hosts of one run, on one machine"
NODE = "node"
USERS = {NODE: hashlib.sha256(SECRET.encode()).hexdigest()}


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("settings")
    parser.add_argument("--join")
    parser.add_argument("--controller", action="store_true")
    parser.add_argument("--bug", choices=BUGS)
    given = parser.parse_args()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if given.bug is not None:
        BUGS[given.bug]()
    uvloop.run(_control(given) if given.controller else _serve(given))


async def _control(given: argparse.Namespace) -> None:
    settings = ControllerSettings.model_validate_json(given.settings)
    async with Controller(settings) as controller:
        _say(settings.host, controller.port)
        await controller.failed()


async def _serve(given: argparse.Namespace) -> None:
    settings = BrokerSettings.model_validate_json(given.settings)
    membership = None
    if given.join is not None:
        host, _, port = given.join.rpartition(":")
        credentials = Credentials(name=NODE, secret=SECRET)
        membership = Membership(controller=(host, int(port)), credentials=credentials)
    async with Broker(settings, membership=membership) as broker:
        _say(settings.host, broker.port)
        await asyncio.Event().wait()


def _say(host: str, port: int) -> None:
    sys.stdout.write(f"serving on {host}:{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
