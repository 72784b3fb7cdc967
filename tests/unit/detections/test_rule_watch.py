import asyncio
from pathlib import Path

from detections.detector import Detector
from detections.rule_set import SHIPPED_RULES
from detections.rule_watch import RuleWatch, directories_of
from detections.settings import DetectionSettings

RULE = """title: {title}
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
logsource: {{product: linux}}
detection: {{s: {{f: 1}}, condition: s}}
"""


async def changed(rules: RuleWatch, before: Detector) -> None:
    async with asyncio.timeout(30):
        while rules.detector is before:  # noqa: ASYNC110 # the product has no use for an event
            await asyncio.sleep(0.01)


def titles(rules: RuleWatch) -> list[str]:
    return [rule.title for rule in rules.detector.rule_set.rules]


def test_rules_that_we_ship_come_first_and_can_be_left_out(tmp_path: Path) -> None:
    settings = DetectionSettings(rule_directories=(tmp_path,))

    assert directories_of(settings) == [SHIPPED_RULES, tmp_path]
    assert directories_of(settings.model_copy(update={"shipped_rules": False})) == [tmp_path]


async def test_changes_are_taken_up_whole_and_broken_files_are_named(tmp_path: Path) -> None:
    settings = DetectionSettings(shipped_rules=False, rule_directories=(tmp_path,))
    rules = RuleWatch(settings)
    await rules.load()
    assert titles(rules) == []
    (tmp_path / "rule.yml").write_text(RULE.format(title="before the watch began"))

    following = asyncio.create_task(rules.follow())
    await changed(rules, rules.detector)
    assert titles(rules) == ["before the watch began"]

    before = rules.detector
    (tmp_path / "rule.yml").write_text(RULE.format(title="changed"))
    (tmp_path / "broken.yml").write_text("title: [")
    while titles(rules) != ["changed"] or not rules.detector.rule_set.problems:
        await changed(rules, before)
        before = rules.detector

    (tmp_path / "rule.yml").unlink()
    while titles(rules):
        await changed(rules, before)
        before = rules.detector
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
