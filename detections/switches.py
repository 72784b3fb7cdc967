"""Which rules an operator has switched off."""

from collections.abc import Mapping

from pipeline.schema.control import Decision, RuleState


def disabled_rules(decisions: Mapping[str, Decision]) -> frozenset[str]:
    """The ids of rules and correlations that are switched off."""
    return frozenset(
        decision.id
        for decision in list(decisions.values())
        if isinstance(decision, RuleState) and not decision.enabled
    )
