"""Rules as queries of others, by the backend that pySigma brings for tests of itself."""

from pathlib import Path

import pytest

from detections.errors import BackendUnusable
from detections.processing import UNPROCESSED, ProcessingSources
from detections.rule_convert import backends, convert
from detections.rule_set import RuleSet, load

TARGET = "text_query_test"
RULE = """\
title: Root
id: 8f0c3f54-0000-4000-8000-000000000001
name: root
logsource: {product: linux}
detection: {root: {user: root}, condition: root}
"""
MANY = """\
---
title: Many
id: 8f0c3f54-0000-4000-8000-000000000002
correlation:
  {type: event_count, rules: [root], group-by: [host], timespan: 5m, condition: {gte: 3}}
"""


def rules(directory: Path, **files: str) -> RuleSet:
    for name, text in files.items():
        (directory / f"{name}.yml").write_text(text)
    return load([directory])


def test_each_rule_is_a_query(tmp_path: Path) -> None:
    other = RULE.replace("user: root", "user|startswith: ro").replace("0001", "0003")

    found = convert(rules(tmp_path, a=RULE, b=other), TARGET, processing=UNPROCESSED)

    assert found.output == ('user="root"', 'user startswith "ro"')
    assert (found.rules, found.problems) == (2, ())


def test_a_correlation_stands_for_the_rules_that_it_counts(tmp_path: Path) -> None:
    found = convert(rules(tmp_path, a=RULE + MANY), TARGET, processing=UNPROCESSED)

    (query,) = found.output
    assert 'user="root"' in query
    assert "event_count >= 3" in query


def test_what_cannot_be_converted_is_named_and_hides_nothing(tmp_path: Path) -> None:
    found = convert(
        rules(
            tmp_path,
            alone=MANY.removeprefix("---\n"),
            broken="title: B\ndetection: {}",
            good=RULE,
            wide=RULE.replace("0001", "0004").replace("user:", "user|utf16be|base64:"),
        ),
        TARGET,
        processing=UNPROCESSED,
    )

    assert found.output[0] == 'user="root"'
    assert {Path(one.path).stem for one in found.problems} >= {"alone", "broken"}
    assert all(one.reason for one in found.problems)


def test_pipelines_are_applied(tmp_path: Path) -> None:
    pipeline = tmp_path / "names.yml"
    pipeline.write_text(
        "name: names\npriority: 1\n"
        "transformations:\n  - {id: n, type: field_name_mapping, mapping: {user: actor}}\n"
    )
    folder = tmp_path / "rules"
    folder.mkdir()

    processing = ProcessingSources(pipelines=[str(pipeline)]).read()
    found = convert(rules(folder, a=RULE), TARGET, processing=processing)

    assert found.output == ('actor="root"',)


def test_a_backend_that_is_not_there_is_named_with_its_package(tmp_path: Path) -> None:
    rule_set = rules(tmp_path, a=RULE)

    assert TARGET in backends()
    for target, package in (
        ("loki", "pysigma-backend-loki"),
        ("esql", "pysigma-backend-elasticsearch"),
    ):
        with pytest.raises(BackendUnusable, match=rf"comes with the package {package}\."):
            convert(rule_set, target, processing=UNPROCESSED)
    with pytest.raises(BackendUnusable, match="has no format 'xml'; it has default"):
        convert(rule_set, TARGET, output_format="xml", processing=UNPROCESSED)
