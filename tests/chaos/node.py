"""One broker of a run in a process of its own, open to anyone who reaches its host.

``python -m tests.chaos.node SETTINGS [--bug NAME]``: SETTINGS are BrokerSettings as JSON; prints
one line when it serves. With ``--bug`` it is broken on purpose: does the checker notice?
"""

import argparse
import asyncio
import logging
import sys

import structlog
import uvloop

from broker_core.broker import Broker
from broker_core.settings import BrokerSettings
from tests.chaos.seeded_bugs import BUGS


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", type=BrokerSettings.model_validate_json)
    parser.add_argument("--bug", choices=BUGS)
    given = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if given.bug is not None:
        BUGS[given.bug]()
    uvloop.run(_serve(given.settings))


async def _serve(settings: BrokerSettings) -> None:
    async with Broker(settings) as broker:
        sys.stdout.write(f"serving on {settings.host}:{broker.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
