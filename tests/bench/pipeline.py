"""From syslog over TCP to stored: events a second and CPU microseconds an event of each role.

``./tocsin bench pipeline [--seconds 60] [--rate 10000] [--rules DIR]``; JSON on stdout. A sender
process writes octet-counted messages (sshd, sudo, cron, web, firewall) at the given rate; the
product runs as ``./tocsin up`` runs it, with the rules of DIR beside its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.support.product import Product, product
from tests.support.waiting import until

SENDER = "tests.bench.syslog_sender"
SOURCE = "syslog:127.0.0.1"


def measure(found: Product, *, rate: int, seconds: int) -> dict[str, Any]:
    """Send for a while, wait until everything is stored, and divide."""
    token = found.token("viewer")
    before = cpu_seconds(found)
    started = time.monotonic()
    command = [sys.executable, "-m", SENDER, "--port", str(found.port(5514))]
    sender = subprocess.run(
        [*command, "--rate", str(rate), "--seconds", str(seconds)],
        capture_output=True,
        text=True,
        check=True,
    )
    sent = json.loads(sender.stdout)["sent"]
    sending = time.monotonic() - started

    def is_stored() -> bool:
        return received(found, token) >= sent and totals(found, token)["in_flight"] == 0

    until(is_stored, "everything is stored", seconds=seconds + 120)
    elapsed = time.monotonic() - started
    used = {role: seconds - before[role] for role, seconds in cpu_seconds(found).items()}
    after = totals(found, token)
    return {
        "sent_events": sent,
        "sending_seconds": round(sending, 2),
        "behind_seconds": round(elapsed - sending, 2),
        "events_per_second": round(sent / sending),
        "cpu_us_per_event": {role: round(1e6 * used[role] / sent, 1) for role in used},
        "cpu_us_per_event_total": round(1e6 * sum(used.values()) / sent, 1),
        "memory_mib": memory_mib(found),
        "ledger": after,
        "lost_events": sent - received(found, token),
    }


def received(found: Product, token: str) -> int:
    """What the ledger counts of the sender alone; our own roles are scraped meanwhile."""
    sources = found.get("/api/v1/ledger", token)["sources"]
    return sum(row["received"] for row in sources if row["source"] == SOURCE)


def totals(found: Product, token: str) -> dict[str, int]:
    """The ledger's totals."""
    answer: dict[str, int] = found.get("/api/v1/ledger", token)["totals"]
    return answer


def processes(found: Product) -> dict[str, psutil.Process]:
    """Each role's process."""
    roles = found.health()["roles"]
    return {name: psutil.Process(role["pid"]) for name, role in roles.items()}


def cpu_seconds(found: Product) -> dict[str, float]:
    """User and system time of each role so far."""
    times = {name: process.cpu_times() for name, process in processes(found).items()}
    return {name: spent.user + spent.system for name, spent in times.items()}


def memory_mib(found: Product) -> dict[str, int]:
    """Resident memory of each role."""
    return {name: process.memory_info().rss >> 20 for name, process in processes(found).items()}


def main() -> None:
    """Parse the arguments, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rules", type=Path)
    given = parser.parse_args()
    rules = [] if given.rules is None else [str(given.rules.resolve())]
    config = f"[detections]\nrule_directories = {json.dumps(rules)}\n"
    with (
        tempfile.TemporaryDirectory() as scratch,
        product(Path(scratch) / "d", config=config) as up,
    ):
        result = measure(up, rate=given.rate, seconds=given.seconds)
    result["rules"] = rules
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
