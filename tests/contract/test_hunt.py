"""A rule as SQL, against the engine: over the same events both find the same ones."""

import asyncio
import json
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detections.compiler import Rule
from detections.documents import compile_text
from detections.engine import Engine
from detections.errors import SqlImpossible
from detections.hunt import Hunt, hunt
from detections.rule_set import RuleSet
from pipeline.schema.event import Event, Value
from pipeline.settings import StoreSettings
from pipeline.store import rows
from pipeline.store.client import NamedQuery, StoreClient
from tests.property.test_detections import events, rules
from tests.support.store import At
from tests.support.stored_values import log_event

partitions = count(1)


def rule_of(written: dict[str, Any]) -> Rule | None:
    (found,) = compile_text(json.dumps(written))  # JSON is YAML
    return found if isinstance(found, Rule) else None


async def stored_matches(
    store: StoreSettings, question: Hunt, given: Sequence[Event]
) -> frozenset[str]:
    """Ids of those of the events that a hunt finds; they lie in a partition of their own."""
    partition = next(partitions)
    placed = [(event, At("events.log", partition, at)) for at, event in enumerate(given)]
    async with StoreClient(store) as client:
        await client.insert("events", rows.events_rows(placed), token=f"hunt-{partition}")
        found = await client.query(
            NamedQuery(
                name="hunt",
                sql=question.select({"event": "toString(id)"}, "partition = {at:Int32}"),
                parameters={**question.parameters, "at": partition},
            )
        )
    return frozenset(row[0] for row in found)


def engine_matches(rule: Rule, given: Sequence[Event]) -> frozenset[str]:
    engine = Engine(RuleSet(rules=[rule]))
    return frozenset(
        event.id for event in given if engine.evaluate(event.fields, event.raw.decode())
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=rules(), fields=st.lists(events, min_size=1, max_size=30))
def test_sql_finds_what_the_engine_finds(
    store_settings: StoreSettings, written: dict[str, Any], fields: list[dict[str, Value]]
) -> None:
    rule = rule_of(written)
    if rule is None:
        return
    given = [
        log_event(at, {**one, "logsource.category": "test"})[0] for at, one in enumerate(fields)
    ]

    found = asyncio.run(stored_matches(store_settings, hunt(rule), given))

    assert found == engine_matches(rule, given)


WINDOWS = "Microsoft-Windows-Sysmon/Operational"
CASES: dict[str, tuple[dict[str, Any], dict[str, Value], bool]] = {
    "a category by channel and number": (
        {"logsource": {"product": "windows", "category": "process_creation"}},
        {"Channel": WINDOWS, "EventID": 1, "f": "x"},
        True,
    ),
    "another category of the channel": (
        {"logsource": {"product": "windows", "category": "process_creation"}},
        {"Channel": WINDOWS, "EventID": 3, "f": "x"},
        False,
    ),
    "a registry category by the type of event": (
        {"logsource": {"product": "windows", "category": "registry_delete"}},
        {"Channel": WINDOWS, "EventID": 12, "EventType": "DeleteKey", "f": "x"},
        True,
    ),
    "another type of registry event": (
        {"logsource": {"product": "windows", "category": "registry_delete"}},
        {"Channel": WINDOWS, "EventID": 12, "EventType": "CreateKey", "f": "x"},
        False,
    ),
    "a service by its channel": (
        {"logsource": {"product": "windows", "service": "security"}},
        {"Channel": "Security", "EventID": 4624, "f": "x"},
        True,
    ),
    "a channel of another product": (
        {"logsource": {"product": "windows", "service": "security"}},
        {"Channel": "Security", "EventID": 4624, "logsource.product": "linux", "f": "x"},
        False,
    ),
    "one of several services": (
        {"logsource": {"product": "linux", "service": "sshd"}},
        {"logsource.product": "linux", "logsource.service": ["auth", "sshd"], "f": "x"},
        True,
    ),
    "a name with spaces": (
        {"detection": {"s": {"ThreatName": "x"}, "condition": "s"}},
        {"logsource.category": "test", "Threat Name": "X"},
        True,
    ),
    "a stand-in": (
        {"detection": {"s": {"Image|endswith": "cmd.exe"}, "condition": "s"}},
        {"logsource.category": "test", "NewProcessName": "C:\\CMD.exe"},
        True,
    ),
    "a stand-in beside the field itself": (
        {"detection": {"s": {"Image|endswith": "cmd.exe"}, "condition": "s"}},
        {"logsource.category": "test", "NewProcessName": "C:\\cmd.exe", "Image": "x"},
        False,
    ),
    "an hour of the sender's clock": (
        {"detection": {"s": {"f|hour": 23}, "condition": "s"}},
        {"logsource.category": "test", "f": "2026-11-22T23:10:00+05:00"},
        True,
    ),
    "hours from one on": (
        {"detection": {"s": {"f|hour|gte": 23}, "condition": "s"}},
        {"logsource.category": "test", "f": "2026-11-22T23:10:00+05:00"},
        True,
    ),
    "hours before one": (
        {"detection": {"s": {"f|hour|lt": 23}, "condition": "s"}},
        {"logsource.category": "test", "f": "2026-11-22T23:10:00+05:00"},
        False,
    ),
    "a number of detections": (
        {"detection": {"a": {"f": "x"}, "b": {"g": 1}, "c": {"h": 1}, "condition": "2 of them"}},
        {"logsource.category": "test", "f": "x", "h": 1},
        True,
    ),
    "fewer detections": (
        {"detection": {"a": {"f": "x"}, "b": {"g": 1}, "c": {"h": 1}, "condition": "2 of them"}},
        {"logsource.category": "test", "f": "x", "h": 2},
        False,
    ),
    "a reference of the same case": (
        {"detection": {"s": {"f|fieldref|cased": "g"}, "condition": "s"}},
        {"logsource.category": "test", "f": "Bob", "g": "Bob"},
        True,
    ),
    "a reference of another case": (
        {"detection": {"s": {"f|fieldref|cased": "g"}, "condition": "s"}},
        {"logsource.category": "test", "f": "Bob", "g": "bob"},
        False,
    ),
    "a field with a column": (
        {"detection": {"s": {"user.name": "ROOT"}, "condition": "s"}},
        {"logsource.category": "test", "user.name": "root"},
        True,
    ),
    "an empty text in a column is there": (
        {"detection": {"s": {"user.name|exists": True}, "condition": "s"}},
        {"logsource.category": "test", "user.name": ""},
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_random_rules_do_not_reach(store_settings: StoreSettings, case: str) -> None:
    written, fields, expected = CASES[case]
    rule = rule_of(
        {
            "title": "t",
            "logsource": {"category": "test"},
            "detection": {"s": {"f": "x"}, "condition": "s"},
            **written,
        }
    )
    assert rule is not None
    given = [log_event(1, fields)[0]]

    found = asyncio.run(stored_matches(store_settings, hunt(rule), given))

    assert bool(found) == bool(engine_matches(rule, given)) == expected


def test_a_nul_is_refused_by_name() -> None:
    rule = rule_of(
        {
            "title": "t",
            "logsource": {"category": "test"},
            "detection": {"s": {"f": "a\0b"}, "condition": "s"},
        }
    )
    assert rule is not None

    with pytest.raises(SqlImpossible, match="NUL"):
        hunt(rule)
