import re
import sys
from pathlib import Path

import pytest

from detections.compiler import Item, Node, Not, Rule, items
from detections.documents import compile_text
from detections.errors import RuleProblem
from detections.log_source import LogSource
from detections.matchers import Text
from detections.processing import Processing, ProcessingSources
from detections.rule_set import load

RULE = """title: One
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
logsource: {product: windows, category: process_creation}
detection:
  s: {Image|endswith: cmd.exe}
  f: {User|expand: '%admins%'}
  condition: s and not f
"""
OTHER = RULE.replace("c001", "c002").replace("windows", "linux").replace("%admins%", "x")
FILTER = """title: Exceptions
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c00f
logsource: {category: process_creation}
filter: {rules: any, selection: {Image: ok}, condition: selection}
"""
MAPPING = """name: mapping
priority: 20
transformations:
  - type: field_name_mapping
    mapping: {Image: process.executable}
    rule_conditions: [{type: logsource, product: windows}]
"""
CONDITION = """priority: 10
transformations:
  - type: add_condition
    conditions: {EventID: 1}
    rule_conditions: [{type: logsource, product: windows}]
  - {type: change_logsource, product: windows, service: sysmon, rule_conditions: [
      {type: logsource, product: windows}]}
"""


def read(*pipelines: str | Path, **placeholders: tuple[str, ...]) -> Processing:
    return ProcessingSources(placeholders=placeholders, pipelines=[*map(str, pipelines)]).read()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def compiled(text: str, processing: Processing) -> Rule:
    [found] = compile_text(text, processing=processing)
    assert isinstance(found, Rule), found
    return found


def fields(node: Node) -> list[str | None]:
    return [item.field for item in items(node)]


def test_placeholders_come_from_settings_and_files_the_later_winning(tmp_path: Path) -> None:
    first = write(tmp_path / "a.yml", "admins: [adm_*, root]\nport: 22\n")
    second = write(tmp_path / "b.yml", "admins: Alice\n")
    sources = ProcessingSources(
        placeholders={"admins": ("nobody",), "hosts": ("srv*",)}, placeholder_files=[first, second]
    )

    found = sources.read()

    assert found.placeholders == {"admins": ("Alice",), "hosts": ("srv*",), "port": ("22",)}
    assert found.problems == ()
    [_, user] = items(compiled(RULE, found).condition)
    assert user == Item("User", Text("equals", "alice"))


def test_a_placeholder_with_a_list_of_no_values_has_none() -> None:
    [problem] = compile_text(RULE, processing=read(admins=()))

    assert isinstance(problem, RuleProblem)
    assert problem.reason == "placeholder %admins% has no value"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: [", 1, "not YAML"),
        ("- a\n", 1, "mapping"),
        ("ok: x\nbad: {a: 1}\n", 2, "'bad' wants a text"),
        ("ok: x\n\nbad: []\n", 3, "'bad' wants a text"),
        ("bad: [null]\n", 1, "wants a text"),
    ],
)
def test_a_placeholder_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    path = write(tmp_path / "a.yml", text)

    [problem] = ProcessingSources(placeholder_files=[path]).read().problems

    assert (problem.path, problem.line) == (str(path), line)
    assert reason in problem.reason
    assert "\n" not in problem.reason


def test_pipelines_change_rules_in_the_order_of_their_priority(tmp_path: Path) -> None:
    write(tmp_path / "pipelines" / "a.yml", MAPPING)
    write(tmp_path / "pipelines" / "sub" / "b.yaml", CONDITION)
    write(tmp_path / "pipelines" / "notes.txt", "[")
    found = read(tmp_path / "pipelines", admins=("a", "b"))

    rule, other = compiled(RULE, found), compiled(OTHER, found)

    assert found.problems == ()
    assert fields(rule.condition) == ["EventID", "process.executable", "User", "User"]
    assert rule.log_source == LogSource("windows", None, "sysmon")
    assert rule.written_source == LogSource("windows", "process_creation")
    assert fields(other.condition) == ["Image", "User"]
    assert other.written_source is None


def test_only_rules_that_a_pipeline_touches_are_another_revision(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.yml", MAPPING), admins=("a",))
    plain = read(admins=("a",))

    assert compiled(RULE, found).revision != compiled(RULE, plain).revision
    assert compiled(OTHER.replace("|expand", ""), found).revision == (
        compiled(OTHER.replace("|expand", ""), plain).revision
    )


def test_a_pipeline_may_fill_placeholders_and_drop_items(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.yml",
        "vars: {admins: [adm, root]}\n"
        "transformations:\n"
        "  - {type: value_placeholders}\n"
        "  - {type: drop_detection_item, field_name_conditions: [\n"
        "      {type: include_fields, fields: [Image]}]}\n",
    )

    rule = compiled(RULE, read(path))

    assert fields(rule.condition) == ["User", "User"]
    assert isinstance(rule.condition, Not)


def test_a_rule_that_a_pipeline_refuses_or_empties_is_a_problem(tmp_path: Path) -> None:
    fails = "transformations: [{type: rule_failure, message: not ours}]\n"
    reaches_out = "transformations: [{type: file_placeholders, path: /etc/passwd}]\n"
    empties = "transformations: [{type: drop_detection_item}]\n"
    for text, reason in ((fails, "not ours"), (empties, "nothing of"), (reaches_out, "xternal")):
        values = {} if text is reaches_out else {"admins": ("a",)}
        found = read(write(tmp_path / "a.yml", text), **values)
        [problem] = compile_text(RULE, processing=found)
        assert isinstance(problem, RuleProblem)
        assert reason in problem.reason


def test_a_pipeline_of_an_installed_package_is_known_by_name() -> None:
    found = read("dummy_test")  # pySigma's own, which it has for tests

    rule = compiled(RULE.replace("Image", "fieldA").replace("|expand", ""), found)

    assert found.problems == ()
    assert fields(rule.condition) == ["mappedA", "User"]
    assert found.digest == read("dummy_test").digest != ""


PACKAGE = """from sigma.pipelines.base import Pipeline
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import FieldMappingTransformation


@Pipeline
def NAME_pipeline() -> ProcessingPipeline:
    return ProcessingPipeline(items=[ProcessingItem(FieldMappingTransformation({"Image": "NAME"}))])
"""


def test_every_name_means_its_own_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ours_a", "ours_b"):
        folder = tmp_path / "sigma" / "pipelines" / name
        write(folder / "__init__.py", PACKAGE.replace("NAME", name))
    monkeypatch.syspath_prepend(tmp_path)

    for name in ("ours_a", "ours_b"):
        rule = compiled(RULE, read(name, admins=("a",)))
        assert fields(rule.condition) == [name, "User"]
    for name in ("ours_a", "ours_b"):
        monkeypatch.delitem(sys.modules, f"sigma.pipelines.{name}")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("transformations: [", 1, "processing pipeline|not YAML"),
        ("a: b: c\n", 1, "not YAML"),
        ("- x\n", 1, "not a processing pipeline"),
        ("transformations:\n  - {type: set_state}\n  - {type: nonsense}\n", 2, "rule 1"),
        ("transformations:\n  - {type: drop_detection_item}\n  - {type: no}\n", 3, "rule 2"),
        ("transformations:\n  - {id: x}\n", 2, "rule 1"),
        ("surprise: 1\n", 1, "surprise"),
    ],
)
def test_a_pipeline_that_cannot_be_read_is_a_problem_and_the_others_apply(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    bad, good = write(tmp_path / "bad.yml", text), write(tmp_path / "good.yml", MAPPING)

    found = read(bad, good, admins=("a",))

    [problem] = found.problems
    assert (problem.path, problem.line) == (str(bad), line), problem
    assert re.search(reason, problem.reason), problem.reason
    assert fields(compiled(RULE, found).condition) == ["process.executable", "User"]


def test_a_pipeline_that_is_nowhere_is_a_problem_that_names_what_there_is(tmp_path: Path) -> None:
    huge = write(tmp_path / "huge.yml", "#" * (1 << 21))

    [missing] = read("nowhere").problems
    [large] = read(huge).problems

    assert missing.path == "nowhere"
    assert "dummy_test" in missing.reason
    assert "bytes" in large.reason


def test_what_was_read_last_stays_in_force_while_there_are_problems(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yml", MAPPING)
    good = read(path)
    path.write_text("transformations: 7")
    bad = read(path)

    kept = bad.or_last(good)

    assert kept.pipeline is good.pipeline
    assert kept.problems == bad.problems != ()
    assert bad.or_last(None) is bad
    assert good.or_last(kept) is good


def test_the_digest_is_another_with_every_change(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yml", MAPPING)
    names = write(tmp_path / "names.yml", "a: x\n")
    digests = [
        read().digest,
        read(path).digest,
        read(path, admins=("a",)).digest,
        read(admins=("a",)).digest,
        read(admins=("b",)).digest,
        ProcessingSources(placeholder_files=[names]).read().digest,
    ]
    path.write_text(MAPPING + "\n")
    names.write_text("a: y\n")
    digests += [read(path).digest, ProcessingSources(placeholder_files=[names]).read().digest]

    assert len(set(digests)) == len(digests)
    assert digests[0] == ""


def test_a_cached_rule_is_not_believed_under_another_pipeline(tmp_path: Path) -> None:
    rules, cache = write(tmp_path / "rules" / "a.yml", RULE), tmp_path / "cache"
    path = write(tmp_path / "a.yml", MAPPING)

    def conditions(processing: Processing) -> list[list[str | None]]:
        found = load([rules], processing=processing, cache_directory=cache)
        return [fields(rule.condition) for rule in found.rules]

    assert conditions(read()) == []
    assert conditions(read(admins=("a",))) == [["Image", "User"]]
    assert conditions(read(path, admins=("a",))) == [["process.executable", "User"]]
    assert conditions(read(path, admins=("a",))) == [["process.executable", "User"]]
    path.write_text(MAPPING.replace("process.executable", "exe"))
    assert conditions(read(path, admins=("a",))) == [["exe", "User"]]
    assert conditions(read(admins=("a", "b"))) == [["Image", "User", "User"]]


def test_a_filter_is_processed_as_the_rule_that_it_filters(tmp_path: Path) -> None:
    write(tmp_path / "rules" / "all.yml", f"{RULE}---\n{OTHER}---\n{FILTER}")
    found = read(
        write(tmp_path / "a.yml", MAPPING), write(tmp_path / "b.yml", CONDITION), admins=("a",)
    )

    one, two = load([tmp_path / "rules"], processing=found).rules

    own = ["EventID", "process.executable"]
    assert fields(one.condition) == [*own, "User", *own]
    assert fields(two.condition) == ["Image", "User", "Image"]
    mapped = load([tmp_path / "rules"], processing=read(tmp_path / "a.yml", admins=("a",))).rules
    assert fields(mapped[0].condition) == ["process.executable", "User", "process.executable"]
    assert fields(mapped[1].condition) == ["Image", "User", "Image"]
