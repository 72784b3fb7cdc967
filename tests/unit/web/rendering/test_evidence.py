"""Evidence: what was seen stands beside the line of the rule that asked for it."""

from detections.explain import Explanation
from web.rendering.evidence import Line, annotate

RULE = """\
title: Root shell
id: 7d1e2c7a-3f3e-4c27-9a53-3b1a0d4a0a11
description: |
    Somebody became root.
logsource:
    product: linux
detection:
    shell:
        COMMAND|endswith:
            - /bash
            - /zsh
    admin:
        USER: admin
    condition: shell and not admin
level: high
"""
BASH = Explanation(
    kind="item", holds=True, test='ends with "/bash"', field="COMMAND", seen="/bin/bash"
)
ZSH = Explanation(
    kind="item", holds=False, test='ends with "/zsh"', field="COMMAND", seen="/bin/bash"
)
ADMIN = Explanation(kind="item", holds=False, test='equals "admin"', field="USER", seen="root")
CONDITION = Explanation(kind="all", holds=True, nodes=(BASH, ZSH, ADMIN))


def line(lines: tuple[Line, ...], text: str) -> Line:
    return next(one for one in lines if text in f"{one.indent}{one.key}{one.value}")


def test_the_value_that_held_bears_what_was_seen_and_its_neighbour_nothing() -> None:
    lines = annotate(RULE, [CONDITION], {})

    assert (line(lines, "/bash").kind, line(lines, "/bash").evidence) == ("hit", "/bin/bash")
    assert line(lines, "/zsh").kind == ""


def test_what_was_tried_and_did_not_hold_says_so() -> None:
    found = line(annotate(RULE, [CONDITION], {}), "USER")

    assert (found.kind, found.evidence) == ("miss", "did not match: root")


def test_the_head_of_a_rule_is_folded_but_its_title_stays() -> None:
    lines = annotate(RULE, [CONDITION], {})

    assert [one.kind for one in lines[:3]] == ["", "fold", ""]
    assert lines[1].evidence == "3 lines about it"
    assert lines[2].number == 5


def test_facts_of_a_correlation_stand_beside_their_keys() -> None:
    lines = annotate("correlation:\n    condition:\n        gte: 10\n", [], {"gte": "12 events"})

    assert line(lines, "gte").evidence == "12 events"


def test_without_an_event_the_rule_is_plain() -> None:
    assert {one.kind for one in annotate(RULE, [], {})} == {"", "fold"}
