"""``tocsin rules`` on files: what is printed and with which status."""

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
