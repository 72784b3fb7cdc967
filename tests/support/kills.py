"""Kill a role, or the cluster under all of them, again and again; then account for every event.

The short form is tests/processes/test_kills.py, the long one ``./tocsin bench kills``.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support.load import Journal, read_journal
from tests.support.product import Product
from tests.support.waiting import until

QUIET_SECONDS = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of the events of one run.

    Attributes:
        sent: Events whose request was answered 200.
        unknown: Events whose request failed.
        lost: Acknowledged events that are not stored.
        doubled: Events that are stored more than once.
        unexpected: Stored events that were never sent.
        alerts_expected: Alerts for acknowledged events; unknown ones may add to it.
        alerts_lost: Of those, how many are missing.
        alerts_doubled: Alerts that are listed more than once.
        ledger: The ledger's totals once the pipeline was quiet.
    """

    sent: int
    unknown: int
    lost: int
    doubled: int
    unexpected: int
    alerts_expected: int
    alerts_lost: int
    alerts_doubled: int
    ledger: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost or doubled and the ledger adds up to the event."""
        ledger = self.ledger
        accounted = ledger["stored"] + ledger["dead_lettered"] + ledger["dropped"]
        return (
            not (self.lost or self.doubled or self.unexpected)
            and not (self.alerts_lost or self.alerts_doubled)
            and ledger["in_flight"] == 0
            and ledger["received"] == accounted
        )


def kill_under_load(
    product: Product, role: str, journal: Path, *, rounds: int, rate: int
) -> Account:
    """Run the sender, kill the role ``rounds`` times, wait for quiet, and count.

    Args:
        product: A running product, freshly started.
        role: Which role to kill.
        journal: A file for the sender's notes.
        rounds: How often.
        rate: Events a second.
    """

    def kill() -> None:
        product.kill(role)
        product.until_healthy()

    return disturb_under_load(product, [kill] * rounds, journal, rate=rate)


def disturb_under_load(
    product: Product, disturbances: Sequence[Callable[[], None]], journal: Path, *, rate: int
) -> Account:
    """Run the sender, do one after the other, wait for quiet, and count.

    Args:
        product: A running product, freshly started.
        disturbances: Each returns once what it broke works again.
        journal: A file for the sender's notes.
        rate: Events a second.
    """
    token = product.token("ingest")
    command = [sys.executable, "-m", "tests.support.load", "--rate", str(rate)]
    command += ["--url", product.url(8088, "/ingest/ndjson"), "--token", token]
    sender = subprocess.Popen([*command, "--journal", str(journal)])
    dice = random.Random(journal.name)
    try:
        for disturb in disturbances:
            until(partial(_has_grown, journal, _size(journal)), "the sender is answered")
            time.sleep(dice.uniform(0.5, 2.0))  # anywhere in the pipeline's cycle
            disturb()
        until(partial(_has_grown, journal, _size(journal)), "the sender is answered again")
    finally:
        sender.terminate()
        sender.wait(timeout=150)
    return account(product, read_journal(journal))


def _size(journal: Path) -> int:
    return journal.stat().st_size if journal.exists() else 0


def _has_grown(journal: Path, before: int) -> bool:
    return _size(journal) > before


def account(product: Product, sent: Journal) -> Account:
    """Wait until nothing is in flight and compare what was sent with what is stored."""
    token = product.token("viewer")
    ledger: dict[str, int] = {}

    def is_quiet() -> bool:
        ledger.update(product.get("/api/v1/ledger", token)["totals"])
        return ledger["in_flight"] == 0 and ledger["received"] >= len(sent.acknowledged)

    # Our own roles are scraped all the while, so the ledger is even now and then, not for good.
    until(is_quiet, "nothing is in flight", seconds=QUIET_SECONDS)
    stored = _rows(
        product,
        "SELECT toInt64(attributes['marker']) AS marker, count() FROM events"
        " WHERE mapContains(attributes, 'marker') GROUP BY marker",
    )
    known = sent.acknowledged | sent.unknown
    alerts = _alerts(product, sent)
    return Account(
        sent=len(sent.acknowledged),
        unknown=len(sent.unknown),
        lost=len(sent.acknowledged - stored.keys()),
        doubled=sum(count > 1 for count in stored.values()),
        unexpected=len(stored.keys() - known),
        alerts_expected=sent.alerts,
        alerts_lost=max(0, sent.alerts - len(alerts)),
        alerts_doubled=sum(count > 1 for count in alerts.values()),
        ledger=ledger,
    )


def _alerts(product: Product, sent: Journal) -> dict[int, int]:
    """Alerts by the marker of the event that they fired on, once all that are due are there."""
    sql = (
        "SELECT toInt64(e.attributes['marker']) AS marker, uniqExact(a.id) FROM"
        " (SELECT id, arrayJoin(event_ids) AS event_id FROM alerts FINAL) AS a"
        " INNER JOIN events AS e ON e.id = a.event_id GROUP BY marker"
    )
    until(lambda: len(_rows(product, sql)) >= sent.alerts, "every alert is stored", seconds=60)
    return _rows(product, sql)


def _rows(product: Product, sql: str) -> dict[int, int]:
    """Pairs of integers from the store."""
    return {int(a): int(b) for a, b in product.query(sql)}
