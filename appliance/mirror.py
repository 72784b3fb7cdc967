"""``tocsin mirror``: the log of one configuration copied to the cluster of another."""

import asyncio
import sys

from appliance.config import Configuration
from appliance.first_run import prepare
from appliance.roles import bus_of
from pipeline.bus.mirror import Mirror


def mirror(source: Configuration, target: Configuration) -> None:
    """Copy, say what was copied, and return once the target has all of it.

    Raises:
        BusRefused, BusUnavailable: It has not; the message says why. It may be run again.
    """
    secrets = prepare(source.data_dir)
    here, there = (bus_of(found, secrets, "admin") for found in (source, target))
    done = asyncio.run(Mirror(here, there, _say).run())
    _say(f"{done.topics} topics, {done.records} records and {done.groups} groups are there now.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
