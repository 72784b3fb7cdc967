"""What a check says of rules: every problem of the loader, and pySigma's validators, with lines."""

from pathlib import Path

from detections.rule_check import RuleIssue, check
from detections.rule_set import SHIPPED_RULES, load

GOOD = """\
title: A good rule
id: 8f0c3f54-0000-4000-8000-000000000001
status: test
description: Finds one account.
logsource: {product: linux}
detection:
  account:
    user: root
  condition: account
level: low
"""
COUNTED = (
    GOOD.replace("level:", "name: counted\nlevel:")
    + """\
---
title: Counted
id: 8f0c3f54-0000-4000-8000-000000000002
correlation:
  type: event_count
  rules: [counted]
  group-by: [user]
  timespan: 5m
  condition: {gte: 3}
tags: [tlp.red, tlp.red]
"""
)


def issues(directory: Path, **files: str) -> list[tuple[str, int, str, str]]:
    for name, text in files.items():
        (directory / f"{name}.yml").write_text(text)
    found = check(load([directory]))
    return [(Path(one.path).stem, one.line, one.severity, one.check) for one in found]


def test_a_good_rule_has_no_issues(tmp_path: Path) -> None:
    assert issues(tmp_path, good=GOOD) == []


def test_what_the_loader_refuses_is_an_error_with_its_line(tmp_path: Path) -> None:
    bad = GOOD.replace("condition: account", "condition: nothing")

    assert issues(tmp_path, bad=bad) == [("bad", 9, "error", "load")]


def test_a_validator_speaks_of_the_line_that_it_means(tmp_path: Path) -> None:
    wild = GOOD.replace("user: root", "user:\n      - root\n      - 'mal*'\n      - 'a**b'")

    assert issues(tmp_path, wild=wild) == [("wild", 11, "low", "double_wildcard")]


def test_a_correlation_is_checked_at_its_place_in_the_file(tmp_path: Path) -> None:
    assert issues(tmp_path, counted=COUNTED) == [("counted", 21, "medium", "duplicate_tag")]


def test_what_rules_share_is_said_of_each(tmp_path: Path) -> None:
    other = GOOD.replace("000000000001", "000000000003")

    found = issues(tmp_path, one=GOOD, two=other)

    assert found == [
        ("one", 1, "high", "duplicate_title"),
        ("two", 1, "high", "duplicate_title"),
    ]


def test_what_pysigma_cannot_read_but_we_can_is_said(tmp_path: Path) -> None:
    wide = GOOD.replace("user: root", "user|utf16le|base64offset|contains: root")

    ((name, _, severity, by),) = issues(tmp_path, wide=wide)

    assert (name, severity, by) == ("wide", "low", "pysigma")


def test_less_severe_issues_can_be_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(COUNTED)
    (tmp_path / "b.yml").write_text("title: B")
    rule_set = load([tmp_path])

    assert [one.severity for one in check(rule_set, at_least="medium")] == ["medium", "error"]
    assert [one.severity for one in check(rule_set, at_least="error")] == ["error"]


def test_rules_that_we_ship_have_no_issues() -> None:
    assert [str(one) for one in check(load([SHIPPED_RULES]))] == []


def test_an_issue_is_one_line() -> None:
    issue = RuleIssue(path="a.yml", line=7, severity="low", check="load", text="why")
    assert str(issue) == "a.yml:7: low: why (load)"
