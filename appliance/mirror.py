"""``tocsin mirror``: the log of one configuration copied to the cluster of another."""

import asyncio
import sys
import tomllib
from pathlib import Path

from appliance.config import Configuration, load_configuration
from appliance.first_run import prepare
from appliance.roles import bus_of
from pipeline.bus.mirror import Mirror
from pipeline.settings import BusSettings


def mirror(source: Configuration, target: Configuration) -> None:
    """Copy, say what was copied, and return once the target has all of it.

    Raises:
        BusRefused, BusUnavailable: It has not; the message says why. It may be run again.
    """
    here, there = _bus(source), _bus(target)
    done = asyncio.run(Mirror(here, there, _say).run())
    _say(f"{done.topics} topics, {done.records} records and {done.groups} groups are there now.")


def target_configuration(file: Path, source: Configuration) -> Configuration:
    """The cluster to copy to; what its file does not say of data and ports is as in the source.

    Raises:
        ConfigurationInvalid: The file is.
    """
    load_configuration(file)
    told = tomllib.loads(file.read_text())
    return load_configuration(
        file,
        data_dir=None if "data_dir" in told else source.data_dir,
        port_offset=None if "port_offset" in told else source.port_offset,
    )


def _bus(found: Configuration) -> BusSettings:
    """How the log of a configuration is reached: our own with the secrets of its directory."""
    if "broker" in found.replaced_roles:
        return found.pipeline.bus
    return bus_of(found, prepare(found.data_dir), "admin")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
