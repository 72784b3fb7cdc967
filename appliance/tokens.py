"""``tocsin token create``: a token from a shell, good at once where the product runs."""

import asyncio
import sys

from appliance.config import Configuration
from appliance.first_run import prepare
from appliance.roles import bus_of
from pipeline.errors import PipelineError
from pipeline.settings import BusSettings
from web.database.engine import Database
from web.database.outbox import flush
from web.security.tokens import create_token as create_row

BUS_SECONDS = 10.0


def create_token(configuration: Configuration, role: str, name: str) -> str:
    """Make a token, tell the collectors of it, and return it: the only time anybody sees it.

    Where the bus does not answer, the token waits in the outbox and reaches the collectors as
    soon as the console runs; that is said on stderr.

    Raises:
        DataDirectoryUnusable: The data directory cannot be used.
    """
    secrets = prepare(configuration.data_dir)
    database = Database(configuration.web.database_url)
    try:
        database.migrate()
        token = create_row(database, role, name)
        asyncio.run(_tell(database, bus_of(configuration, secrets, "admin")))
    finally:
        database.close()
    return token


async def _tell(database: Database, bus: BusSettings) -> None:
    """Send the outbox, or say that it has to wait."""
    try:
        async with asyncio.timeout(BUS_SECONDS):
            await flush(database, bus)
    except (PipelineError, TimeoutError):
        sys.stderr.write("Tocsin is not running: senders can use this token once it is.\n")
