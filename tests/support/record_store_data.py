"""Record the store's data directory of a release, for tests/processes/test_store_releases.py.

``python -m tests.support.record_store_data 0.1.0`` writes tests/golden/store-data/0.1.0.tar.gz.
Run it once for each release, when its migrations are final; never again after it.
"""

import asyncio
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.schema.alert import Alert
from pipeline.schema.event import Event
from pipeline.store import rows
from pipeline.store.client import StoreClient
from pipeline.store.migrate import migrate
from tests.support.store import ROOT, At, StoreProcess
from tests.support.stored_values import alert, click, log_event, sample

DIRECTORY = ROOT / "tests" / "golden" / "store-data"


def recorded_events() -> list[tuple[Event, At]]:
    """What is in every recorded directory: events with every kind of value."""
    return [
        log_event(1, {"user.name": "root", "EventID": 4625, "elevated": True}),
        log_event(2, {"user.name": ["root", "ädmin"], "logsource.service": ["sshd", "auth"]}),
        log_event(3, {"host.name": "", "ratio": 0.25, "quote": "it's \\ \t\n"}),
        *(log_event(number) for number in range(4, 200)),
    ]


def recorded_alerts() -> list[tuple[Alert, At]]:
    """The alerts of every recorded directory."""
    return [alert(1), alert(2, level="low")]


async def fill(store: StoreProcess) -> None:
    """Migrate, and insert one batch of everything."""
    await migrate(store.settings)
    samples, series = rows.samples_rows([sample(number, "up", 1.0, job="a") for number in range(9)])
    batches = {
        "events": rows.events_rows(recorded_events()),
        "alerts": rows.alerts_rows(recorded_alerts()),
        "samples": samples,
        "series": series,
        "clicks": rows.clicks_rows([click(number, "ann", "/") for number in range(9)]),
    }
    async with StoreClient(store.settings) as client:
        for table, batch in batches.items():
            await client.insert(table, batch, token=f"recorded:{table}")


def record(release: str) -> Path:
    """Record the directory of the code as it is now."""
    with tempfile.TemporaryDirectory() as directory:
        store = StoreProcess(Path(directory) / "store")
        store.start()
        try:
            asyncio.run(fill(store))
        finally:
            store.stop()
        archive = DIRECTORY / f"{release}.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=9) as tar:
            tar.add(store.directory, arcname="store", filter=_anonymous)
    return archive


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without who recorded it and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def _main(arguments: Sequence[str]) -> None:
    archive = record(arguments[0])
    sys.stdout.write(f"{archive.relative_to(ROOT)}: {archive.stat().st_size} bytes\n")


if __name__ == "__main__":
    _main(sys.argv[1:])
