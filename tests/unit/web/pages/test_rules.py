from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.console import TestedConsole
from web.rulebook import set_enabled
from web.security.audit import Actor
from web.security.roles import Role

RULE = """\
title: {title}
id: {number:08d}-0000-4000-8000-000000000000
author: Ada
tags:
  - attack.t1110
logsource:
  product: {product}
detection:
  words:
    user.name: root
  condition: words
level: {level}
"""
BROKEN = "title: Broken\nlogsource:\n  product: linux\ndetection:\n  condition: nothing\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    directory = tmp_path / "rules"
    directory.mkdir()
    for number in range(250):
        text = RULE.format(
            title=f"Rule {number:03d}",
            number=number,
            product="windows" if number % 5 == 0 else "linux",
            level="critical" if number == 7 else "low",
        )
        (directory / f"{number}.yml").write_text(text)
    (directory / "broken.yml").write_text(BROKEN)
    return directory


@pytest.fixture
async def console(tmp_path: Path, rules: Path) -> AsyncIterator[TestedConsole]:
    made = TestedConsole(tmp_path, rules=[rules])
    await made.console.rulebook.load()
    made.account(Role.VIEWER)
    yield made
    made.database.close()


async def test_a_hundred_rules_are_listed_a_page_the_most_severe_first(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        first = (await browser.get("/rules")).text
        last = (await browser.get("/rules?page=3")).text

    assert first.index("Rule 007") < first.index("Rule 000")
    assert "100 of 250 shown, page 1 of 3." in first
    assert "50 of 250 shown, page 3 of 3." in last
    assert "Rule 249" in last
    assert "Rule 249" not in first


async def test_filters_of_the_address_narrow_the_list_together(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.get("/rules?q=0000024+ada&product=windows&level=low")).text

    assert "Rule 240" in found
    assert "Rule 245" in found
    assert "Rule 241" not in found
    assert "2 of 2 shown" in found


async def test_rules_that_are_off_have_a_list_of_their_own(console: TestedConsole) -> None:
    ada = Actor(name="ada", address="")
    set_enabled(console.database, "00000042-0000-4000-8000-000000000000", enabled=False, actor=ada)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.get("/rules?state=off")).text

    assert "Rule 042" in found
    assert "1 of 1 shown" in found


async def test_a_file_that_gave_no_rule_is_named_with_line_and_reason(
    console: TestedConsole,
) -> None:
    problem = console.console.rulebook.rules.problems[0]
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.get("/rules?state=problems")).text

    assert problem.path.endswith("broken.yml")
    assert problem.path in found
    assert f'<td class="r">{problem.line}</td>' in found
    assert "Broken" in found


async def test_without_the_store_rules_are_listed_and_their_alerts_said_to_be_unknown(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        answer = await browser.get("/rules")

    assert answer.status_code == 200
    assert "The store did not answer." in answer.text


async def test_a_filter_that_nothing_passes_says_how_far_it_looked(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.get("/rules?q=nothing+is+called+so")).text

    assert "No rule matches" in found
    assert "250 rules looked at." in found
