"""The rules' list: what stands first, what an address narrows, what nobody knows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from detections.rule_set import SHIPPED_RULES, RuleSet, load
from web.rendering.evidence import annotate
from web.rendering.rules import ROWS, RulesAddress, facts_of, rule_list, rule_rows, unfolded
from web.rulebook import Switch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped() -> RuleSet:
    return load([SHIPPED_RULES])


def test_who_fired_most_stands_first_then_the_most_severe(shipped: RuleSet) -> None:
    quiet = shipped.rules[-1]

    found = rule_list(rule_rows(shipped, {}, {quiet.id: (7, NOON)}), RulesAddress())

    assert (found.rows[0].id, found.rows[0].alerts, found.rows[0].last) == (quiet.id, 7, NOON)
    others = [row.level for row in found.rows[1:]]
    ranks = {"critical": 0, "high": 1, "medium": 2, "low": 3, "informational": 4}
    assert others == sorted(others, key=ranks.__getitem__)
    assert {row.alerts for row in found.rows[1:]} == {0}


def test_without_an_answer_nobody_is_said_to_have_never_fired(shipped: RuleSet) -> None:
    rows = rule_rows(shipped, {}, None)

    assert {row.alerts for row in rows} == {None}
    assert rule_list(rows, RulesAddress()).counts["fired"] == 0


def test_counts_of_states_follow_the_other_filters(shipped: RuleSet) -> None:
    off = next(rule for rule in shipped.rules if rule.level == "high")
    switches = {off.id: Switch(rule_id=off.id, enabled=False, revision=1)}

    found = rule_list(rule_rows(shipped, switches, {}), RulesAddress(state="off", level="high"))
    medium = rule_list(rule_rows(shipped, switches, {}), RulesAddress(state="off", level="medium"))

    assert [row.id for row in found.rows] == [off.id]
    assert found.counts["off"] == 1
    assert found.counts["on"] == found.counts["all"] - 1
    assert (medium.found, medium.pages, medium.rows) == (0, 1, ())


def test_every_word_must_be_held_by_something_of_the_rule(shipped: RuleSet) -> None:
    rows = rule_rows(shipped, {}, {})

    both = rule_list(rows, RulesAddress(q="T1110 SSH"))
    neither = rule_list(rows, RulesAddress(q="ssh mainframe"))

    assert both.found
    assert all("SSH" in row.title for row in both.rows)
    assert neither.found == 0


def test_a_page_beyond_the_last_is_the_last(tmp_path: Path) -> None:
    for number in range(ROWS + 1):
        (tmp_path / f"{number}.yml").write_text(
            f"title: Rule {number}\nid: {number:08d}-0000-4000-8000-000000000000\n"
            "logsource:\n  product: linux\ndetection:\n  a:\n    x: y\n  condition: a\n"
        )

    found = rule_list(rule_rows(load([tmp_path]), {}, {}), RulesAddress(page=9))

    assert (found.page, found.pages, len(found.rows), found.found) == (2, 2, 1, ROWS + 1)
    assert not found.rows[0].is_shipped


def test_an_address_holds_only_what_is_chosen_and_turning_a_filter_begins_anew() -> None:
    address = RulesAddress(q="a b", level="high", page=3)

    assert address.link(page=4) == "/rules?q=a+b&level=high&page=4"
    assert address.link(level="") == "/rules?q=a+b"
    assert RulesAddress().link() == "/rules"


def test_facts_are_what_the_document_says_and_no_more() -> None:
    facts = facts_of("title: A\nreferences: https://one.example\nfalsepositives:\n  - x\n  - 7\n")

    assert (facts.references, facts.false_positives) == (("https://one.example",), ("x", "7"))
    assert facts.description == facts.status == facts.license == ""


def test_a_whole_rule_is_shown_line_by_line(shipped: RuleSet) -> None:
    for rule in shipped.rules:
        lines = list(unfolded(rule.text, annotate(rule.text, (), {})))

        written = rule.text.strip().splitlines()
        assert [line.number for line in lines] == list(range(1, len(written) + 1))
