"""``tocsin rules`` on files: what is printed and with which status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.rules_cli import rules_app

TERMINAL = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})
RULE = """\
title: Root
id: 8f0c3f54-0000-4000-8000-00000000000a
logsource: {product: linux}
detection: {root: {user: root}, condition: root}
"""


@pytest.mark.parametrize(
    ("user", "status", "said"),
    [
        ("root", 0, "1 cases passed, 0 failed, 1 rule files without tests"),
        ("eve", 1, "user equals \"root\": does not hold; it is 'eve'"),
    ],
)
def test_rule_tests_end_with_a_status(tmp_path: Path, user: str, status: int, said: str) -> None:
    (tmp_path / "a.yml").write_text(RULE)
    (tmp_path / "b.yml").write_text(RULE)
    (tmp_path / "a.tests.yml").write_text(
        f"logsource: {{product: linux}}\nmatch: [{{event: {{user: {user}}}}}]\n"
    )

    result = TERMINAL.invoke(rules_app, ["test", str(tmp_path)])

    assert result.exit_code == status
    assert said in result.output


def test_without_a_path_the_rules_of_the_product_are_tested(tmp_path: Path) -> None:
    own = tmp_path / "rules" / "own"
    own.mkdir(parents=True)
    (own / "a.yml").write_text(RULE)

    result = TERMINAL.invoke(rules_app, ["test", "--data-dir", str(tmp_path)])

    assert result.exit_code == 0
    assert "0 failed, 1 rule files without tests" in result.output


def test_a_check_ends_with_a_status_and_passes_over_what_is_less_severe(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE + "tags: [tlp.red, tlp.red]\n")
    (tmp_path / "b.yml").write_text("title: B\ndetection: {}\n")

    found = TERMINAL.invoke(rules_app, ["check", str(tmp_path)])
    assert found.exit_code == 1
    assert f"{tmp_path}/a.yml:5: medium: The same tag appears multiple times" in found.output
    assert "1 rules and correlations loaded; 1 error, 1 medium" in found.output

    errors = TERMINAL.invoke(rules_app, ["check", str(tmp_path), "--at-least", "error", "--json"])
    assert [one["check"] for one in json.loads(errors.output)] == ["load"]

    good = TERMINAL.invoke(rules_app, ["check", str(tmp_path / "a.yml"), "--at-least", "high"])
    assert good.exit_code == 0
    assert "nothing to say of them" in good.output


def test_rules_are_printed_as_the_queries_of_a_backend(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE)

    found = TERMINAL.invoke(rules_app, ["convert", "--target", "text_query_test", str(tmp_path)])
    assert (found.exit_code, found.stdout) == (0, 'user="root"\n')

    missing = TERMINAL.invoke(rules_app, ["convert", "--target", "loki", str(tmp_path)])
    assert missing.exit_code == 2
    assert "comes with the package pysigma-backend-loki" in missing.output


def test_an_import_without_a_running_product_says_what_it_does_not_know(tmp_path: Path) -> None:
    given, home = tmp_path / "Given Rules", tmp_path / "data"
    given.mkdir()
    (given / "a.yml").write_text(RULE)
    (given / "b.yml").write_text("title: B\ndetection: {}\n")
    options = ["--data-dir", str(home), "--port-offset", "40000"]

    dry = TERMINAL.invoke(rules_app, ["import", str(given), "--dry-run", *options])
    assert "Nothing was written" in dry.output
    assert not list((home / "rules").iterdir())

    result = TERMINAL.invoke(rules_app, ["import", str(given), *options])
    assert result.exit_code == 0
    assert "1 rules and 0 correlations loaded from 2 files" in result.output
    assert "What they need was not held against your data." in result.output
    assert "1 unsupported:\n  b.yml:1: " in result.output
    assert (home / "rules" / "given-rules" / "a.yml").is_file()

    report = TERMINAL.invoke(rules_app, ["import", str(given), "--json", *options])
    assert json.loads(report.stdout)["replaced"] is True


def test_coverage_without_a_running_product_is_that_of_the_rules_alone(tmp_path: Path) -> None:
    layer = tmp_path / "layer.json"
    options = ["--data-dir", str(tmp_path), "--port-offset", "40000"]

    result = TERMINAL.invoke(rules_app, ["coverage", "--navigator", str(layer), *options])

    assert result.exit_code == 0
    assert "T1110.001     " in result.output
    assert "with data" not in result.output
    written = json.loads(layer.read_text())
    assert "T1110.001" in {one["techniqueID"] for one in written["techniques"]}
    assert "no data, which was not asked" in written["description"]

    refused = TERMINAL.invoke(rules_app, ["coverage", "--navigator", str(tmp_path), *options])
    assert refused.exit_code == 2
    assert "cannot be written: Is a directory" in refused.output


def test_what_is_no_source_of_rules_is_a_message(tmp_path: Path) -> None:
    result = TERMINAL.invoke(
        rules_app, ["import", str(tmp_path / "gone"), "--data-dir", str(tmp_path)]
    )

    assert result.exit_code == 2
    assert "neither a directory" in result.output
