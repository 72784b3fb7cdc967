"""Rule tests beside rules: what passes, what fails and why."""

from pathlib import Path

from detections.rule_tests import RuleTestRun, run_tests

RULE = """\
title: Logs removed
id: 8f0c3f54-0000-4000-8000-000000000001
logsource: {product: linux, service: auditd}
detection:
  tool:
    command|startswith: rm
  target:
    command|contains: /var/log/
  filter:
    user: backup
  condition: tool and target and not filter
"""
GUESSING = """\
title: A failure
id: 8f0c3f54-0000-4000-8000-000000000002
name: failure
logsource: {product: linux}
detection:
  all: {action: login, outcome: failure}
  condition: all
---
title: Guessing
id: 8f0c3f54-0000-4000-8000-000000000003
correlation:
  type: value_count
  rules: failure
  group-by: [address]
  timespan: 5m
  condition: {gte: 3, field: user}
"""


def run(directory: Path, rule: str, tests: str) -> RuleTestRun:
    (directory / "rule.yml").write_text(rule)
    (directory / "rule.tests.yml").write_text(tests)
    return run_tests([directory])


def test_a_case_passes_whose_rule_says_what_it_must(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        RULE,
        "logsource: {product: linux, service: [auditd]}\n"
        "match:\n  - event: {command: rm /var/log/x}\n"
        "no_match:\n  - event: {command: rm /tmp/x}\n"
        "  - event: {command: rm /var/log/x, user: backup}\n",
    )

    assert (found.passed, found.failures, found.problems, found.untested) == (3, [], [], [])
    assert found.holds


def test_a_missing_alert_is_explained_by_the_item_that_failed(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        RULE,
        "logsource: {product: linux, service: auditd}\n"
        "match:\n  - event: {command: rm /var/log/x}\n  - event: {command: rm /tmp/x}\n",
    )

    (failure,) = found.failures
    assert not found.holds
    assert str(failure) == (
        f"{tmp_path}/rule.tests.yml:4: match 2: no alert, though there has to be one\n"
        """    command contains "/var/log/": does not hold; it is 'rm /tmp/x'"""
    )


def test_a_missing_alert_for_a_negated_item_names_the_item_that_held(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        RULE,
        "logsource: {product: linux, service: auditd}\n"
        "match:\n  - {name: at night, event: {command: rm /var/log/x, user: backup}}\n",
    )

    (failure,) = found.failures
    assert failure.test.name == "at night"
    assert failure.why == ("""user equals "backup": holds; it is 'backup'""",)


def test_an_event_of_another_log_source_is_explained_by_it(tmp_path: Path) -> None:
    found = run(tmp_path, RULE, "match:\n  - event: {command: rm /var/log/x}\n")
    (failure,) = found.failures
    assert failure.why == (
        "Logs removed is for product=linux, service=auditd, "
        "the event says nothing of its log source",
    )

    found = run(
        tmp_path,
        RULE,
        "logsource: {product: linux, service: [sshd, auth]}\nmatch:\n  - event: {command: rm}\n",
    )
    (failure,) = found.failures
    assert failure.why[0].endswith("the event is of product=linux, service=auth|sshd")


def test_an_alert_too_much_is_explained_by_what_held(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        RULE,
        "logsource: {product: linux, service: auditd}\n"
        "no_match:\n  - event: {command: rm /var/log/x}\n",
    )

    (failure,) = found.failures
    assert failure.reason == "an alert of 'Logs removed', though there must be none"
    assert failure.why == (
        """command starts with "rm": holds; it is 'rm /var/log/x'""",
        """command contains "/var/log/": holds; it is 'rm /var/log/x'""",
        'user equals "backup": does not hold; it is missing',
    )


def test_correlations_are_fed_events_that_vary_in_time_and_value(tmp_path: Path) -> None:
    event = "event: {action: login, outcome: failure, address: a, user: x}"
    found = run(
        tmp_path,
        GUESSING,
        "logsource: {product: linux}\n"
        f"match:\n  - {{{event}, times: 3, every: 60, vary: {{user: [a, b, c]}}}}\n"
        f"no_match:\n  - {{{event}, times: 9, vary: {{user: [a, b]}}}}\n"
        f"  - {{{event}, times: 3, every: 200, vary: {{user: [a, b, c]}}}}\n"
        f"  - {{{event}, times: 3, vary: {{user: [a, b, c], address: [x, y, z]}}}}\n",
    )

    assert not found.failures
    assert found.passed == 4


def test_a_correlation_that_fails_its_test_says_what_its_rules_matched(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        GUESSING,
        "logsource: {product: linux}\n"
        "match:\n  - event: {action: login, outcome: failure, address: a, user: x}\n    times: 3\n"
        "no_match:\n  - event: {action: login, outcome: failure, address: a, user: x}\n"
        "    times: 3\n    vary: {user: [a, b, c]}\n",
    )

    silent, loud = found.failures
    assert silent.why == (
        "A failure: 3 of 3 events match",
        "Guessing: its condition was not reached",
    )
    assert loud.reason == "an alert of 'Guessing', though there must be none"
    assert loud.why[0] == "its condition was reached by 3 events of address=a"


def test_keywords_are_looked_for_in_a_raw_line(tmp_path: Path) -> None:
    rule = "title: T\nlogsource: {product: linux}\ndetection: {words: [segfault], condition: words}"
    found = run(
        tmp_path,
        rule,
        "logsource: {product: linux}\nmatch: [{raw: 'x segfault at 0'}]\nno_match: [{raw: fine}]\n",
    )

    assert found.holds
    assert found.passed == 2


def test_a_file_is_chosen_by_its_rule_or_by_its_tests(tmp_path: Path) -> None:
    run(tmp_path, RULE, "match: [{event: {a: 1}}]")
    (tmp_path / "other.yaml").write_text(RULE)

    by_rule, by_tests = (run_tests([tmp_path / name]) for name in ("rule.yml", "rule.tests.yml"))

    assert len(by_rule.failures) == len(by_tests.failures) == 1
    assert run_tests([tmp_path / "other.yaml"]).untested == [tmp_path / "other.yaml"]


def test_what_is_missing_or_unreadable_is_a_problem_and_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "alone.tests.yml").write_text("match: [{event: {a: 1}}]")
    (tmp_path / "latin.yml").write_text(RULE)
    (tmp_path / "latin.tests.yml").write_bytes(b"match: [{event: {a: \xff}}]")
    (tmp_path / "broken.yml").write_text("title: nothing else")
    (tmp_path / "broken.tests.yml").write_text("match: [{event: {a: 1}}]")
    (tmp_path / "huge.yml").write_text(RULE)
    (tmp_path / "huge.tests.yml").write_text("#" * (2 << 20))

    found = run_tests([tmp_path, tmp_path / "gone"])

    said = [str(problem).removeprefix(f"{tmp_path}/") for problem in found.problems]
    assert "alone.tests.yml:1: there is no alone.yml beside it" in said
    assert "gone:1: there is no such file" in said
    assert any(one.startswith("broken.yml:") for one in said)
    assert any(one.startswith("latin.tests.yml:1: cannot be read") for one in said)
    assert any(one.startswith("huge.tests.yml:1: 2097152 bytes") for one in said)
    assert len(said) == 5
