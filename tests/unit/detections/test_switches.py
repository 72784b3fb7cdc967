from detections.switches import disabled_rules
from pipeline.schema.control import RuleState


def test_only_what_is_off_is_named() -> None:
    states = [RuleState(id=name, revision=1, enabled=name == "on") for name in ("on", "off")]

    assert disabled_rules({state.id: state for state in states}) == {"off"}
