"""Run one broker or one controller by itself, without the rest of Tocsin, on loopback.

``python -m broker_core --data-dir D --listen HOST:PORT`` prints one line when it serves, and stops
in order on SIGINT or SIGTERM. It is open to anyone. With ``--controller`` it is the controller of
several nodes, which sign in as ``node`` with the secret in ``--secret-file``; the file is made, for
its owner's eyes only, if there is none. With ``--join HOST:PORT --node-id N`` and the same file it
is a node of that controller's cluster. With ``--acls`` it has access control lists; what no entry
is about stays open to anyone. ``--set NAME=VALUE`` changes any other setting of a broker.
"""

import argparse
import asyncio
import hashlib
import ipaddress
import logging
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path

import structlog
import uvloop

from broker_core.broker import Broker
from broker_core.controller import Controller
from broker_core.errors import StorageError
from broker_core.replication.node import Membership
from broker_core.replication.peer import Credentials
from broker_core.settings import Access, BrokerSettings, ControllerSettings

NODE = "node"


def main() -> int:
    """Run until told to stop; 1 if it cannot start."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        uvloop.run(_run(_parsed(sys.argv[1:])))
    except (StorageError, OSError, ValueError) as error:
        sys.stderr.write(f"broker_core: {error}\n")
        return 1
    return 0


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m broker_core", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="where everything lies")
    parser.add_argument(
        "--listen", default="127.0.0.1:9092", metavar="HOST:PORT", help="port 0: any free one"
    )
    parser.add_argument("--controller", action="store_true", help="of several nodes, not a broker")
    parser.add_argument("--secret-file", type=Path, help="what nodes sign in with")
    parser.add_argument("--join", metavar="HOST:PORT", help="the controller of its cluster")
    parser.add_argument("--node-id", type=int, default=0, help="its number in the cluster")
    parser.add_argument("--acls", action="store_true", help="with access control lists")
    parser.add_argument(
        "--no-auto-create", action="store_true", help="make no topic because somebody asks for it"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the broker, such as groups.max_members=10; may be repeated",
    )
    parsed = parser.parse_args(arguments)
    if parsed.join and parsed.secret_file is None:
        raise ValueError("a node that joins needs --secret-file: it signs in")
    if parsed.controller and parsed.secret_file is None:
        raise ValueError("a controller needs --secret-file: it lets in nodes only")
    return parsed


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address, and this is for one machine")
    return host, int(port)


def _secret(path: Path) -> str:
    """Return the secret in a file, made if there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_text().strip()
        if len(found) < 32:
            raise ValueError(f"{path} holds no secret of 32 characters or more") from None
        return found
    with os.fdopen(descriptor, "w") as file:
        made = secrets.token_hex(32)
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    return made


async def _run(parsed: argparse.Namespace) -> None:
    host, port = _address(parsed.listen)
    if parsed.controller:
        digest = hashlib.sha256(_secret(parsed.secret_file).encode()).hexdigest()
        controller_settings = ControllerSettings(
            data_dir=parsed.data_dir, host=host, port=port, users={NODE: digest}
        )
        async with Controller(controller_settings) as controller:
            await _serve(host, controller.port, until_failed=controller.failed())
        return
    settings = _settings(
        parsed.set,
        data_dir=parsed.data_dir,
        host=host,
        port=port,
        node_id=parsed.node_id,
        access=Access.ACLS if parsed.acls else Access.OPEN,
        super_users=(NODE,),
        open_without_acl=True,
        auto_create_topics=not parsed.no_auto_create,
    )
    async with Broker(settings, membership=_membership(parsed)) as broker:
        await _serve(host, broker.port, until_failed=asyncio.Event().wait())


def _settings(changed: Sequence[str], **values: object) -> BrokerSettings:
    """The settings with what was changed on the command line; names are dotted."""
    for change in changed:
        name, _, value = change.partition("=")
        *sections, last = name.split(".")
        section = values
        for each in sections:
            below = section.setdefault(each, {})
            if not isinstance(below, dict):
                raise ValueError(f"--set {change}: {each} has no settings below it")
            section = below
        section[last] = value
    return BrokerSettings.model_validate(values)


def _membership(parsed: argparse.Namespace) -> Membership | None:
    if parsed.join is None:
        return None
    credentials = Credentials(name=NODE, secret=_secret(parsed.secret_file))
    return Membership(controller=_address(parsed.join), credentials=credentials)


async def _serve(host: str, port: int, *, until_failed: Awaitable[object]) -> None:
    """Say where, then wait to be stopped.

    Raises:
        StorageError: It failed before.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    sys.stdout.write(f"listening on {host}:{port}\n")
    sys.stdout.flush()
    stopping = asyncio.ensure_future(stopped.wait())
    failing = asyncio.ensure_future(until_failed)
    await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, failing):
        task.cancel()
    if failing.done() and not failing.cancelled():
        raise StorageError("its database failed; see the log")


if __name__ == "__main__":
    sys.exit(main())
