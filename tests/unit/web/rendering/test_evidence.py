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


def test_two_selections_on_one_field_each_speak_of_their_own_value() -> None:
    rule = "detection:\n    a:\n        EventID: 1102\n    b:\n        EventID: 104\n"
    first = Explanation(kind="item", holds=False, test='equals "1102"', field="EventID", seen=104)
    other = Explanation(kind="item", holds=True, test='equals "104"', field="EventID", seen=104)

    lines = annotate(rule, [Explanation(kind="any", holds=True, nodes=(first, other))], {})

    assert line(lines, "1102").kind == "miss"
    assert (line(lines, "104").kind, line(lines, "104").evidence) == ("hit", "104")


def test_a_value_that_is_part_of_the_one_that_held_is_not_taken_for_it() -> None:
    rule = (
        "detection:\n    a:\n        CommandLine|contains:\n            - -e\n            - -enc\n"
    )
    held = Explanation(
        kind="item", holds=True, test='contains "-enc"', field="CommandLine", seen="x"
    )

    lines = annotate(rule, [held], {})

    assert [one.kind for one in lines[-2:]] == ["", "hit"]


def test_values_in_brackets_speak_of_whichever_was_tried() -> None:
    rule = "detection:\n    a:\n        EventID: [1, 104]\n"
    held = Explanation(kind="item", holds=True, test='equals "104"', field="EventID", seen=104)

    assert line(annotate(rule, [held], {}), "EventID").kind == "hit"
