"""The shipped rules on the demo's day: every stage is caught and nothing else, by any seed."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from appliance.demo.company import found_company
from detections.rule_set import SHIPPED_RULES, RuleSet, load
from tests.support.demo_day import alerts

END = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
# Technique of each stage: how it is called in ATT&CK, not which of our rules finds it.
STAGES = {
    "paths guessed": "attack.t1595",
    "ports scanned": "attack.t1046",
    "web server attacked": "attack.t1190",
    "passwords guessed": "attack.t1110",
    "signed in from outside": "attack.t1078",
    "root by sudo": "attack.t1548",
    "account created": "attack.t1136",
    "account made an administrator": "attack.t1098",
    "job planted": "attack.t1053",
    "script hidden": "attack.t1059.001",
    "service planted": "attack.t1543",
    "logs emptied on Linux": "attack.t1070.002",
    "log cleared on Windows": "attack.t1070.001",
}


@pytest.fixture(scope="module")
def rule_set() -> RuleSet:
    return load([SHIPPED_RULES])


@pytest.mark.parametrize("seed", [1, 2])
def test_every_stage_raises_an_alert_and_the_rest_of_the_day_none(
    rule_set: RuleSet, seed: int
) -> None:
    intruder = found_company(seed).intruder
    titles: dict[str, set[str]] = defaultdict(set)
    for time, title, tags, group in alerts(rule_set, seed, END):
        assert time > END - timedelta(hours=1), f"{title} on an ordinary day"
        for stage, technique in STAGES.items():
            if any(tag.startswith(technique) for tag in tags):
                titles[stage].add(title)
        for name in ("source.ip", "src_ip", "c-ip"):
            assert group.get(name, intruder.address) in (intruder.address, intruder.scanner)

    assert set(STAGES) - set(titles) == set()
