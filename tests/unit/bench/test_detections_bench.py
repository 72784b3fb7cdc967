"""The benchmark of the detection engine measures what it says."""

import json
from pathlib import Path

import pytest

from detections.rule_set import load
from tests.bench.detections import (
    REGIMES,
    Regime,
    high_cardinality,
    many_rules,
    measure_records,
    measure_regime,
    of_process_creation,
    rounds,
    samples,
)

WINDOWS = "Microsoft-Windows-Sysmon/Operational"
RULE = """\
title: Shell
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
logsource: {product: windows, category: process_creation}
detection:
  s:
    CommandLine|contains:
      - 'whoami /all'
      - 'net user'
  condition: s
"""


@pytest.fixture
def sigma(tmp_path: Path) -> Path:
    """A set of one rule and sixty events, every second of which matches."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shell.yml").write_text(RULE)
    (tmp_path / "events").mkdir()
    events = [
        {
            "Channel": WINDOWS,
            "EventID": 1 if number % 4 else 3,
            "CommandLine": f"{'whoami /all' if number % 2 else 'dir'} {number}",
        }
        for number in range(60)
    ]
    (tmp_path / "events" / "a.ndjson").write_text("\n".join(map(json.dumps, events)))
    (tmp_path / "index.jsonl").write_text(json.dumps({"file": "events/a.ndjson"}))
    return tmp_path


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_finds_the_same(sigma: Path, regime: Regime) -> None:
    rule_set = load([sigma / "rules"])
    events = of_process_creation(samples(sigma))

    engine = measure_regime(rule_set, events, regime, seconds=0.001)
    records = measure_records(rule_set, events, regime, seconds=0.001)

    assert len(events) == 45
    assert engine["matches"] * 45 == engine["events"] * 30
    assert records["matches"] * 45 == records["events"] * 30
    assert engine["cpu_us_per_event"] > 0


def test_a_fresh_round_repeats_no_value_of_high_cardinality(sigma: Path) -> None:
    events = samples(sigma)
    assert high_cardinality(events) == {"CommandLine", "process.command_line"}

    first, second = (next(found) for found in [rounds(events, "fresh")] for _ in range(2))

    lines = [event.fields["CommandLine"] for event in (*first, *second)]
    assert len(set(map(str, lines))) == 120
    assert first[0].fields["Channel"] == WINDOWS


def test_more_rules_than_there_are_ask_for_other_values(sigma: Path, tmp_path: Path) -> None:
    rules = load([many_rules(sigma, 5, tmp_path)])

    assert len({rule.id for rule in rules.rules}) == 5
    assert len({repr(rule.condition) for rule in rules.rules}) == 5
    assert not rules.problems
