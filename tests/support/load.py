"""A sender in a process of its own: NDJSON at a steady rate, with a journal of what was answered.

``python -m tests.support.load --url URL --token T --rate 5000 --journal FILE`` sends until SIGTERM.
Events are numbered; each journal line says what became of a run of numbers: ``acknowledged 0 249``
or ``unknown 250 499`` (the request failed: the log may hold them or not). Nothing is sent twice.
"""

import argparse
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

BATCH_EVENTS = 250
ALERT_EVERY = 500
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Journal:
    """What a sender heard: numbers that were acknowledged, and numbers of unknown fate."""

    acknowledged: frozenset[int]
    unknown: frozenset[int]

    @property
    def alerts(self) -> int:
        """How many acknowledged events a rule fires on."""
        return sum(number % ALERT_EVERY == 0 for number in self.acknowledged)


def read_journal(path: Path) -> Journal:
    """The journal in a file; the sender has ended."""
    found: dict[str, set[int]] = {"acknowledged": set(), "unknown": set()}
    for line in path.read_text().splitlines():
        what, first, last = line.split()
        found[what].update(range(int(first), int(last) + 1))
    return Journal(frozenset(found["acknowledged"]), frozenset(found["unknown"]))


def batch(first: int) -> bytes:
    """The events numbered from ``first``: process starts, and now and then a cleared log."""
    lines = []
    for number in range(first, first + BATCH_EVENTS):
        event: dict[str, object] = {
            "Channel": "Security",
            "EventID": 4688,
            "Computer": f"ws-{number % 40:02d}",
            "NewProcessName": "C:\\Windows\\System32\\backgroundTaskHost.exe",
            "SubjectUserName": f"user{number % 97}",
            "marker": number,
        }
        if number % ALERT_EVERY == 0:
            event |= {"EventID": 1102, "Provider_Name": "Microsoft-Windows-Eventlog"}
        lines.append(json.dumps(event))
    return "\n".join(lines).encode()


def send(url: str, token: str, rate: int, journal: Path) -> None:
    """Send until SIGTERM, catching up after a pause so that the rate holds on average."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    number, due = 0, time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    with journal.open("a", buffering=1) as notes:
        client = httpx.Client(timeout=TIMEOUT_SECONDS, headers=headers, trust_env=False)
        while not stopping:
            last = number + BATCH_EVENTS - 1
            try:
                answer = client.post(url, content=batch(number))
                accepted = answer.status_code == 200
            except httpx.HTTPError:
                accepted = False
            notes.write(f"{'acknowledged' if accepted else 'unknown'} {number} {last}\n")
            number = last + 1
            due = max(due + BATCH_EVENTS / rate, time.monotonic() - 2)
            time.sleep(max(0.0, due - time.monotonic()) if accepted else 0.1)


def main() -> None:
    """Parse the arguments and send."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--journal", type=Path, required=True)
    given = parser.parse_args()
    send(given.url, given.token, given.rate, given.journal)


if __name__ == "__main__":
    main()
