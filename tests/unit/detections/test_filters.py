from pathlib import Path

import pytest

from detections.compiler import All, Any, Item, Not, Rule
from detections.documents import compile_text
from detections.errors import RuleProblem
from detections.filters import Filter
from detections.matchers import Text
from detections.rule_set import RuleSet, load

RULES = """title: One
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
name: one
logsource: {product: windows, category: process_creation}
detection: {s: {a: 1}, condition: s}
---
title: Two
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002
name: two
logsource: {product: linux, category: process_creation}
detection: {s: {a: 2}, condition: s}
"""
FILTER = """title: Exceptions
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c00f
logsource: {category: process_creation}
filter:
  rules: [one]
  selection: {user: adm}
  other: {host: jump}
  condition: selection
"""
ONE, TWO = Item("a", Text("equals", "1")), Item("a", Text("equals", "2"))
ADM, JUMP = Item("user", Text("equals", "adm")), Item("host", Text("equals", "jump"))


def loaded(tmp_path: Path, *texts: str) -> RuleSet:
    (tmp_path / "rules.yml").write_text("---\n".join(texts))
    return load([tmp_path])


def compiled(text: str) -> Filter:
    [found] = compile_text(text)
    assert isinstance(found, Filter), found
    return found


@pytest.mark.parametrize(
    ("condition", "stays"),
    [
        ("selection", Not(ADM)),
        ("not selection", Not(ADM)),
        ("selection or other", Not(Any((ADM, JUMP)))),
        ("selection and not other", Not(All((ADM, Not(JUMP))))),
        ("not selection and not other", All((Not(ADM), Not(JUMP)))),
        ("not (selection and other)", Not(All((ADM, JUMP)))),
        ("all of them", Not(All((ADM, JUMP)))),
        ("not all of them", Not(All((ADM, JUMP)))),
    ],
)
def test_what_no_detection_of_a_filter_speaks_of_stays(condition: str, stays: object) -> None:
    found = compiled(FILTER.replace("condition: selection", f"condition: {condition}"))

    assert found.condition == stays


def test_a_filter_applies_to_the_rules_that_it_names(tmp_path: Path) -> None:
    one, two = loaded(tmp_path, RULES, FILTER).rules

    assert one.condition == All((ONE, Not(ADM)))
    assert one.filters == ("9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c00f",)
    assert two.condition == TWO
    assert two.filters == ()


def test_a_filtered_rule_is_another_revision(tmp_path: Path) -> None:
    plain = loaded(tmp_path, RULES).rules
    filtered = loaded(tmp_path, RULES, FILTER).rules
    otherwise = loaded(tmp_path, RULES, FILTER.replace("adm", "root")).rules

    assert len({plain[0].revision, filtered[0].revision, otherwise[0].revision}) == 3
    assert plain[1].revision == filtered[1].revision


@pytest.mark.parametrize("rules", ["rules: any", "rules: Any", "rules: []"])
def test_a_filter_for_any_rule_keeps_to_its_log_source(tmp_path: Path, rules: str) -> None:
    everywhere = FILTER.replace("rules: [one]", rules)
    windows = everywhere.replace("{category:", "{product: windows, category:")

    assert [one.filters for one in loaded(tmp_path, RULES, everywhere).rules] == [
        ("9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c00f",)
    ] * 2
    assert [bool(one.filters) for one in loaded(tmp_path, RULES, windows).rules] == [True, False]


def test_several_filters_all_apply_in_whatever_directory_they_lie(tmp_path: Path) -> None:
    for name, text in (
        ("ours/a.yml", FILTER),
        ("ours/rules.yml", RULES),
        ("site/b.yml", FILTER.replace("c00f", "c00e").replace("selection: {user: adm}", "x: {}")),
        (
            "site/c.yml",
            FILTER.replace("c00f", "c00d").replace("condition: selection", "condition: other"),
        ),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    found = load([tmp_path / "ours", tmp_path / "site"])

    assert found.rules[0].condition == All((ONE, Not(ADM), Not(JUMP)))
    assert [Path(one.path).name for one in found.problems] == ["b.yml"]


def test_a_filter_of_a_later_directory_replaces_its_namesake(tmp_path: Path) -> None:
    for name, text in (("ours", RULES + "---\n" + FILTER), ("site", FILTER.replace("adm", "root"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "all.yml").write_text(text)

    [one, _] = load([tmp_path / "ours", tmp_path / "site"]).rules

    assert one.condition == All((ONE, Not(Item("user", Text("equals", "root")))))


def test_rules_that_a_filter_cannot_reach_are_a_problem_and_the_others_filtered(
    tmp_path: Path,
) -> None:
    found = loaded(
        tmp_path,
        RULES,
        FILTER.replace("[one]", "[one, two, three]").replace(
            "{category:", "{product: windows, category:"
        ),
    )

    assert found.rules[0].filters
    [problem] = found.problems
    assert problem.line == 13
    assert "two has another log source; three is not loaded" in problem.reason


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("  rules: [one]\n", "", "rules: any"),
        ("rules: [one]", "rules: [7]", "rules: any"),
        ("condition: selection", "condition: nothing", "no detection 'nothing'"),
        ("condition: selection", "condition: [selection]", "a filter has one"),
        ("logsource: {category: process_creation}\n", "", "log source"),
        ("title: Exceptions\n", "", "title"),
        ("user: adm", "user|like: adm", "'like'"),
    ],
)
def test_a_filter_that_cannot_be_read_is_a_problem(before: str, after: str, reason: str) -> None:
    assert before in FILTER
    [problem] = compile_text(FILTER.replace(before, after))

    assert isinstance(problem, RuleProblem)
    assert reason in problem.reason


def test_a_filter_without_an_id_gets_one() -> None:
    found = compiled(FILTER.replace("id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c00f\n", ""))

    assert len(found.id) == 36


def test_a_rule_without_a_name_is_not_meant_by_an_empty_one() -> None:
    [rule] = compile_text(RULES.split("---")[0].replace("name: one\n", ""))
    assert isinstance(rule, Rule)

    assert not compiled(FILTER).speaks_of(rule)
