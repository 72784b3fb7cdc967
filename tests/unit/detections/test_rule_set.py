import os
import re
from pathlib import Path

import pytest

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.documents import compile_text
from detections.errors import RuleProblem
from detections.rule_set import load, rule_files

RULE = """title: A Rule
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
name: a_rule
author: Somebody
tags: [attack.t1110]
logsource: {product: Windows, category: process_creation}
detection:
  selection: {Image|endswith: \\cmd.exe}
  condition: selection
level: high
"""
CORRELATION = """title: Many
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c009
correlation:
  type: event_count
  rules: [a_rule]
  group-by: [User]
  timespan: 5m
  condition: {gte: 3}
"""


MANY = """title: Two of three
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002
logsource: {product: windows}
detection: {a: {f|hour|gte: 22}, b: {g|fieldref|cased: h}, c: [x], condition: 2 of them}
"""
FILTER = """title: Exceptions
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c00f
logsource: {product: windows}
filter: {rules: any, a: {f: 1}, condition: not a}
"""


def write(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_rule_is_loaded_with_what_an_alert_needs(tmp_path: Path) -> None:
    path = write(tmp_path, "deep/er/rule.yml", RULE)

    [rule] = load([tmp_path]).rules

    assert (rule.title, rule.author, rule.level) == ("A Rule", "Somebody", "high")
    assert rule.tags == ("attack.t1110",)
    assert (rule.log_source.product, rule.log_source.category) == ("windows", "process_creation")
    assert rule.text == RULE
    assert rule.path == str(path)
    assert len(rule.revision) == 12


def test_the_revision_is_that_of_the_text(tmp_path: Path) -> None:
    [first] = compile_text(RULE)
    [again] = compile_text(RULE)
    [changed] = compile_text(RULE.replace("high", "low"))
    assert isinstance(first, Rule)
    assert isinstance(again, Rule)
    assert isinstance(changed, Rule)

    assert first.revision == again.revision != changed.revision


def test_a_rule_without_an_id_or_level_gets_one() -> None:
    lines = [line for line in RULE.splitlines() if not line.startswith(("id:", "level:"))]
    [rule] = compile_text("\n".join(lines))
    [again] = compile_text("\n".join(lines))

    assert isinstance(rule, Rule)
    assert len(rule.id) == 36
    assert rule.level == "medium"
    assert rule == again


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("title: [", 2, "not YAML"),
        ("title: x\n\tdetection: y\n", 2, "not YAML"),
        ("", 1, "holds no rule"),
        ("- a\n- b\n", 1, "mapping"),
        ("just text", 1, "mapping"),
        (RULE.replace("condition: selection", "condition: other"), 9, "other"),
        (RULE.replace("condition: selection", "condition: notepad"), 9, "no detection"),
        (RULE.replace("condition: selection", "condition: selection and"), 9, "ondition|expected"),
        (RULE.replace("endswith", "endwith"), 8, "endwith"),
        (RULE.replace("\\cmd.exe", "'%prog%'").replace("endswith", "expand"), 8, "%prog%"),
        (RULE.replace("logsource:", "logsauce:"), 1, "log ?source"),
        (RULE.replace("{product: Windows, category: process_creation}", "{definition: x}"), 6, ""),
        (RULE + "level: low\n", 10, "'level' stands twice"),
        (RULE.replace("level: high", "level: huge"), 10, "huge"),
        ("title: f\nfilter: {rules: [x]}\n", 1, "a filter has one"),
        ("action: global\ntitle: x\n", 1, "no longer part of Sigma"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" + "d: " + "[" * 500 + "]" * 500, 1, ""),
    ],
)
def test_a_bad_file_is_a_problem_with_line_and_reason(text: str, line: int, reason: str) -> None:
    [problem] = compile_text(text, "rule.yml")

    assert isinstance(problem, RuleProblem), problem
    assert problem.path == "rule.yml"
    assert problem.line == line, problem
    assert re.search(reason, problem.reason), problem.reason


def test_a_problem_names_the_rule_it_is_about() -> None:
    [problem] = compile_text(RULE.replace("condition: selection", "condition: nothing"))

    assert isinstance(problem, RuleProblem)
    assert problem.title == "A Rule"
    assert problem.rule_id == "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001"


@pytest.mark.timeout(60)  # all of them together are ten thousand million nodes
def test_aliases_that_grow_without_end_are_refused_at_once() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))

    [problem] = compile_text(f"l0: &l0 [x, x]\n{levels}\n")

    assert isinstance(problem, RuleProblem)
    assert "YAML nodes" in problem.reason


def test_bad_files_never_hide_good_ones(tmp_path: Path) -> None:
    write(tmp_path, "a.yml", "title: [")
    write(tmp_path, "b.yaml", RULE)
    write(tmp_path, "c.yml", "x" * 2_000)
    (tmp_path / "d.yml").write_bytes(b"\xff\xfe")
    (tmp_path / "e.yml").symlink_to(tmp_path / "nowhere")
    write(tmp_path, "rule.tests.yml", "match: []")
    write(tmp_path, "notes.txt", "no rule")

    found = load([tmp_path, tmp_path / "missing"], max_file_bytes=1_000)

    assert [rule.title for rule in found.rules] == ["A Rule"]
    assert [(Path(one.path).name, one.line) for one in found.problems] == [
        ("a.yml", 2),
        ("c.yml", 1),
        ("d.yml", 1),
        ("e.yml", 1),
        ("missing", 1),
    ]
    assert "2000 bytes" in found.problems[1].reason


def test_a_file_may_hold_several_documents(tmp_path: Path) -> None:
    write(tmp_path, "both.yml", f"---\n{CORRELATION}---\n{RULE}---\ntitle: bad\n")

    found = load([tmp_path])

    assert [rule.title for rule in found.rules] == ["A Rule"]
    assert [one.title for one in found.correlations] == ["Many"]
    assert found.correlations[0].text.strip() == CORRELATION.strip()
    assert found.rules[0].text.strip() == RULE.strip()
    assert [one.title for one in found.problems] == ["bad"]
    assert found.problems[0].line == 22


def test_a_correlation_whose_rules_are_missing_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, "many.yml", CORRELATION)

    found = load([tmp_path])

    assert not found.correlations
    assert "a_rule" in found.problems[0].reason


def test_a_later_directory_replaces_a_rule_and_a_namesake_beside_it_is_a_problem(
    tmp_path: Path,
) -> None:
    write(tmp_path, "ours/rule.yml", RULE)
    write(tmp_path, "theirs/a.yml", RULE.replace("A Rule", "Their Rule"))
    write(tmp_path, "theirs/b.yml", RULE.replace("A Rule", "Another"))

    found = load([tmp_path / "ours", tmp_path / "theirs"])

    assert [rule.title for rule in found.rules] == ["Their Rule"]
    assert [(Path(one.path).name, one.title) for one in found.problems] == [("b.yml", "Another")]


def test_the_cache_gives_what_parsing_gives(tmp_path: Path) -> None:
    write(tmp_path, "rules/a.yml", RULE)
    write(tmp_path, "rules/b.yml", CORRELATION)
    write(tmp_path, "rules/c.yml", "title: [")
    write(tmp_path, "rules/d.yml", MANY)
    write(tmp_path, "rules/e.yml", FILTER)
    cache = tmp_path / "cache"

    parsed = load([tmp_path / "rules"], cache_directory=cache)
    cached = load([tmp_path / "rules"], cache_directory=cache)

    assert cached == parsed == load([tmp_path / "rules"])
    assert len(list(cache.iterdir())) == 1
    assert isinstance(cached.correlations[0], Correlation)
    assert all(rule.filters for rule in cached.rules)


def test_a_changed_file_is_parsed_again(tmp_path: Path) -> None:
    path, cache = write(tmp_path, "rules/a.yml", RULE), tmp_path / "cache"
    before = load([path], cache_directory=cache)

    path.write_text(RULE.replace("A Rule", "Changed"))

    assert [rule.title for rule in before.rules] == ["A Rule"]
    assert [rule.title for rule in load([path], cache_directory=cache).rules] == ["Changed"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x81\xa1a\x90"])
def test_a_cache_that_cannot_be_read_is_ignored(tmp_path: Path, content: bytes) -> None:
    path, cache = write(tmp_path, "rules/a.yml", RULE), tmp_path / "cache"
    load([path], cache_directory=cache)
    [file] = cache.iterdir()
    file.write_bytes(content)

    assert len(load([path], cache_directory=cache).rules) == 1


def test_a_cache_that_cannot_be_written_costs_only_the_shortcut(tmp_path: Path) -> None:
    path = write(tmp_path, "rules/a.yml", RULE)
    (tmp_path / "cache").write_text("a file where a directory should be")

    assert len(load([path], cache_directory=tmp_path / "cache").rules) == 1


def test_rule_files_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b/2.yml", "b/1.yaml", "a.yml", "a.tests.yml", "c.txt"):
        write(tmp_path, name, "")

    found = [os.fspath(path.relative_to(tmp_path)) for path in rule_files(tmp_path)]

    assert found == ["a.yml", "b/1.yaml", "b/2.yml"]
    assert list(rule_files(tmp_path / "nowhere")) == []
