"""ATT&CK coverage: techniques of the rules in force, and whether anything feeds those rules."""

import json
from pathlib import Path
from typing import Any

from detections.coverage import Technique, coverage, navigator_layer, techniques_of
from detections.data_seen import seen_of
from detections.rule_set import RuleSet, load

RULES = """\
title: A guess
id: 8f0c3f54-0000-4000-8000-000000000001
name: guess
tags: [attack.credential-access, attack.t1110.001]
logsource: {product: linux, service: sshd}
detection: {a: {user: root}, condition: a}
---
title: A shell
id: 8f0c3f54-0000-4000-8000-000000000002
name: shell
tags: [attack.t1059, attack.t1110.001]
logsource: {product: windows, category: process_creation}
detection: {a: {Image: sh}, condition: a}
---
title: A field
id: 8f0c3f54-0000-4000-8000-000000000003
tags: [attack.T1059.004]
logsource: {product: linux}
detection: {a: {never: sh}, condition: a}
---
title: A relay
id: 8f0c3f54-0000-4000-8000-000000000004
tags: [attack.t0855]
logsource: {product: scada}
detection: {a: {b: c}, condition: a}
---
title: No tag
id: 8f0c3f54-0000-4000-8000-000000000005
tags: [cve.2021.44228, attack.g0016]
logsource: {product: linux}
detection: {a: {user: x}, condition: a}
---
title: Many
id: 8f0c3f54-0000-4000-8000-000000000006
tags: [attack.t1078]
correlation:
  {type: event_count, rules: [guess, shell], group-by: [user], timespan: 5m, condition: {gte: 3}}
---
title: Many shells
id: 8f0c3f54-0000-4000-8000-000000000007
tags: [attack.t1078.003]
correlation:
  {type: event_count, rules: [shell], group-by: [user], timespan: 5m, condition: {gte: 3}}
"""
SEEN = seen_of([({"logsource.product": "linux", "logsource.service": ["sshd"]}, {"user"}, 7)])


def rule_set(directory: Path) -> RuleSet:
    (directory / "rules.yml").write_text(RULES)
    found = load([directory])
    assert not found.problems
    return found


def test_each_technique_tells_rules_with_data_from_those_without(tmp_path: Path) -> None:
    found = coverage(rule_set(tmp_path), seen=SEEN)

    windows = "windows/process_creation/*"
    assert found.techniques == (
        Technique(id="T0855", rules=("A relay",), ready=0, unseen=("scada/*/*",)),
        Technique(id="T1059", rules=("A shell",), ready=0, unseen=(windows,)),
        Technique(id="T1059.004", rules=("A field",), ready=0),
        Technique(id="T1078", rules=("Many",), ready=1),
        Technique(id="T1078.003", rules=("Many shells",), ready=0, unseen=(windows,)),
        Technique(id="T1110.001", rules=("A guess", "A shell"), ready=1, unseen=(windows,)),
    )
    assert (found.untagged, found.with_data) == (1, 2)
    assert found.wanted == ((windows, 2), ("scada/*/*", 1))


def test_what_is_switched_off_covers_nothing(tmp_path: Path) -> None:
    disabled = [f"8f0c3f54-0000-4000-8000-00000000000{number}" for number in (2, 3, 4, 5, 6, 7)]

    found = coverage(rule_set(tmp_path), disabled=disabled, seen=SEEN)

    assert found.techniques == (Technique(id="T1110.001", rules=("A guess",), ready=1),)
    assert found.untagged == 0


def test_without_data_nothing_is_said_of_it(tmp_path: Path) -> None:
    found = coverage(rule_set(tmp_path))

    assert {one.ready for one in found.techniques} == {None}
    assert (found.wanted, found.with_data) == ((), 0)
    layer: Any = navigator_layer(found, name="n")
    assert len(layer["legendItems"]) == 1
    assert not any("color" in one for one in layer["techniques"])


def test_a_layer_is_what_the_navigator_reads(tmp_path: Path) -> None:
    layer: Any = navigator_layer(
        coverage(rule_set(tmp_path), seen=SEEN), name="Tocsin", described="7 days"
    )

    assert json.loads(json.dumps(layer)) == layer
    assert layer["versions"]["layer"] == "4.5"
    assert (layer["name"], layer["domain"], layer["description"]) == (
        "Tocsin",
        "enterprise-attack",
        "7 days",
    )
    assert layer["gradient"]["maxValue"] > layer["gradient"]["minValue"]
    by_id = {one["techniqueID"]: one for one in layer["techniques"]}
    assert "T0855" not in by_id
    assert by_id["T1110.001"] == {
        "techniqueID": "T1110.001",
        "score": 2,
        "comment": "A guess\nA shell",
        "metadata": [
            {"name": "rules", "value": "2"},
            {"name": "rules with data seen", "value": "1"},
            {"name": "log source never seen", "value": "windows/process_creation/*"},
        ],
    }
    assert by_id["T1059"]["color"] == by_id["T1059.004"]["color"] == "#d0d0d0"


def test_tags_that_name_no_technique_are_passed_over() -> None:
    assert techniques_of(
        ["attack.t1110", "attack.T1110", "attack.t11", "t1110", "attack.s0002"]
    ) == ["T1110"]
