"""How much correlations may remember. Pure."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What may be held at a time; what is beyond gives way, and is counted.

    Attributes:
        groups, hits: Of all correlations.
        rule_groups, rule_hits: Of each correlation, so that one cannot take all room.
        group_hits: Of each group, waiting for the watermark and in its window each.
    """

    groups: int = 100_000
    hits: int = 200_000
    rule_groups: int = 50_000
    rule_hits: int = 100_000
    group_hits: int = 10_000
