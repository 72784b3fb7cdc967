import asyncio
from pathlib import Path

from detections.compiler import items
from detections.detector import Detector
from detections.matchers import Text
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


PLACEHOLDER_RULE = """title: Expands
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002
logsource: {product: linux}
detection: {s: {f|expand: '%names%'}, condition: s}
"""
FILTER = """title: Exceptions
logsource: {product: linux}
filter: {rules: any, selection: {f: x}, condition: selection}
"""
MAPPING = "transformations: [{type: field_name_mapping, mapping: {f: NAME}}]\n"


def asked(rules: RuleWatch) -> list[list[tuple[str | None, str]]]:
    """The fields and texts that each rule asks for."""
    return [
        [
            (item.field, item.test.text)
            for item in items(rule.condition)
            if isinstance(item.test, Text)
        ]
        for rule in rules.detector.rule_set.rules
    ]


async def until_asked(rules: RuleWatch, wanted: list[list[tuple[str | None, str]]]) -> None:
    async with asyncio.timeout(60):
        while asked(rules) != wanted:  # noqa: ASYNC110 # the product has no use for an event
            await asyncio.sleep(0.01)


async def test_placeholders_pipelines_and_filters_are_taken_up_live(tmp_path: Path) -> None:
    directory, values, pipeline = tmp_path / "rules", tmp_path / "v.yml", tmp_path / "p.yml"
    directory.mkdir()
    (directory / "rule.yml").write_text(PLACEHOLDER_RULE)
    values.write_text("names: a\n")
    settings = DetectionSettings(
        shipped_rules=False,
        rule_directories=(directory,),
        placeholder_files=(values,),
        pipelines=(str(pipeline),),
        cache_directory=tmp_path / "cache",
    )
    rules = RuleWatch(settings)
    await rules.load()
    assert asked(rules) == [[("f", "a")]]
    assert [one.path for one in rules.detector.rule_set.problems] == [str(pipeline)]

    following = asyncio.create_task(rules.follow())
    pipeline.write_text(MAPPING.replace("NAME", "g"))
    await until_asked(rules, [[("g", "a")]])
    assert rules.detector.rule_set.problems == []
    values.write_text("names: [bb]\n")
    await until_asked(rules, [[("g", "bb")]])
    pipeline.write_text(MAPPING.replace("NAME", "longer"))
    await until_asked(rules, [[("longer", "bb")]])
    (directory / "filter.yml").write_text(FILTER)
    await until_asked(rules, [[("longer", "bb"), ("longer", "x")]])
    (directory / "filter.yml").unlink()
    await until_asked(rules, [[("longer", "bb")]])
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_pipeline_that_breaks_leaves_the_last_one_in_force(tmp_path: Path) -> None:
    directory, pipeline = tmp_path / "rules", tmp_path / "p.yml"
    directory.mkdir()
    (directory / "rule.yml").write_text(RULE.format(title="first"))
    pipeline.write_text(MAPPING.replace("NAME", "g"))
    settings = DetectionSettings(
        shipped_rules=False, rule_directories=(directory,), pipelines=(str(pipeline),)
    )
    rules = RuleWatch(settings)
    await rules.load()

    pipeline.write_text("transformations: [")
    (directory / "rule.yml").write_text(RULE.format(title="second"))
    await rules.load()

    assert asked(rules) == [[("g", "1")]]
    assert titles(rules) == ["second"]
    assert [one.path for one in rules.detector.rule_set.problems] == [str(pipeline)]
