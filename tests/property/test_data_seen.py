"""What a rule is said to lack, against the engine: a rule that matches an event lacks nothing."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detections.compiler import Rule
from detections.data_seen import seen_of
from detections.documents import compile_text
from detections.engine import Engine
from detections.log_source import ROUTING_FIELDS
from detections.rule_set import RuleSet
from pipeline.schema.event import Value
from tests.property.test_detections import events, rules


@given(written=rules(), found=st.lists(events, min_size=1, max_size=10))
def test_a_rule_that_matches_an_event_lacks_nothing_of_its_data(
    written: dict[str, Any], found: list[dict[str, Value]]
) -> None:
    (rule,) = compile_text(json.dumps(written))  # JSON is YAML
    if not isinstance(rule, Rule):
        return
    given = [{**fields, "logsource.category": "test"} for fields in found]
    seen = seen_of(
        ({name: fields[name] for name in ROUTING_FIELDS if name in fields}, frozenset(fields), 1)
        for fields in given
    )

    engine = Engine(RuleSet(rules=[rule]))
    if any(engine.evaluate(fields, "") for fields in given):
        assert seen.lacking(rule) is None
