"""Options that every command about the running product takes: which one is meant."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option(help="TOML file; see deploy/tocsin.toml.")]
DataDir = Annotated[Path | None, typer.Option(help="Where log, store, accounts and secrets lie.")]
PortOffset = Annotated[int | None, typer.Option(help="Added to every port.")]
