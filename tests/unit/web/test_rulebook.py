"""Rules as the console knows them: taken up when files change, switched by decisions."""

from pathlib import Path

import pytest

from detections.processing import ProcessingSources
from pipeline.schema.control import RuleState, decode_decision
from pipeline.schema.topics import CONTROL
from tests.support.console import TestedConsole
from web.database.outbox import waiting
from web.rulebook import Rulebook, RuleConflict, set_enabled, switches
from web.security.audit import COMMAND_LINE as ACTOR

RULE = """\
title: {title}
id: 00000000-0000-4000-8000-000000000001
logsource:
  product: linux
detection:
  words:
    user.name: root
  condition: words
"""
ID = "00000000-0000-4000-8000-000000000001"


async def test_a_changed_file_is_taken_up_and_an_unchanged_one_is_not_read_again(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.yml"
    file.write_text(RULE.format(title="One"))
    book = Rulebook([tmp_path])

    first = await book.load()
    same = await book.load()
    file.write_text(RULE.format(title="Another"))
    changed = await book.load()

    assert same is first
    assert [rule.title for rule in changed.rules] == ["Another"]


async def test_placeholders_and_pipelines_are_those_of_the_detectors(tmp_path: Path) -> None:
    rules, values = tmp_path / "rules", tmp_path / "values.yml"
    rules.mkdir()
    text = RULE.format(title="One").replace("user.name: root", "user.name|expand: '%admins%'")
    (rules / "a.yml").write_text(text)
    values.write_text("admins: [root]")
    book = Rulebook([rules], processing=ProcessingSources(placeholder_files=[values]))

    [rule] = (await book.load()).rules
    values.write_text("admins: [root, adm_*]")
    [again] = (await book.load()).rules
    values.write_text("admins: [")
    broken = await book.load()

    assert rule.revision != again.revision
    assert [one.revision for one in broken.rules] == [again.revision]
    assert [problem.path for problem in broken.problems] == [str(values)]


async def test_a_file_that_went_takes_its_rule_along_and_a_broken_one_is_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.yml"
    file.write_text(RULE.format(title="One"))
    book = Rulebook([tmp_path])
    await book.load()

    file.unlink()
    (tmp_path / "b.yml").write_text("title: [")
    found = await book.load()

    assert not found.rules
    assert [Path(problem.path).name for problem in found.problems] == ["b.yml"]


def test_a_switch_is_a_decision_with_a_revision(console: TestedConsole) -> None:
    set_enabled(console.database, ID, enabled=False, actor=ACTOR, revision=0)
    set_enabled(console.database, ID, enabled=True, actor=ACTOR, revision=1)

    decided = [
        decode_decision(row.value) for row in waiting(console.database) if row.topic == CONTROL
    ]
    assert decided == [
        RuleState(id=ID, revision=1, enabled=False),
        RuleState(id=ID, revision=2, enabled=True),
    ]
    assert switches(console.database)[ID].changed_by == ACTOR.name


def test_who_decides_on_what_was_before_is_told_who_was_first(console: TestedConsole) -> None:
    set_enabled(console.database, ID, enabled=False, actor=ACTOR)

    with pytest.raises(RuleConflict, match=ACTOR.name):
        set_enabled(console.database, ID, enabled=True, actor=ACTOR, revision=0)

    assert not switches(console.database)[ID].enabled
