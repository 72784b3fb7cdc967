import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.console import TestedConsole
from web.rulebook import switches
from web.security.roles import Role

ID = "11111111-0000-4000-8000-000000000000"
COUNTING = "22222222-0000-4000-8000-000000000000"
RULES = f"""\
title: Root <b>signs in</b>
id: {ID}
name: root_signs_in
author: Ada
# a note
references:
  - https://example.org/why
  - javascript:alert(1)
falsepositives:
  - The night shift
logsource:
  product: linux
  service: sshd
detection:
  who:
    user.name: root
    event.outcome: success
  condition: who
level: high
---
title: Root signs in often
id: {COUNTING}
correlation:
  type: event_count
  rules:
    - root_signs_in
  group-by:
    - source.ip
  timespan: 5m
  condition:
    gte: 3
level: critical
"""


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[TestedConsole]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "root.yml").write_text(RULES)
    made = TestedConsole(tmp_path, rules=[tmp_path / "rules"])
    await made.console.rulebook.load()
    for role in (Role.VIEWER, Role.ENGINEER):
        made.account(role)
    yield made
    made.database.close()


def event(user: str, service: str = "sshd") -> str:
    fields = {"user.name": user, "event.outcome": "success"}
    return json.dumps({**fields, "logsource.product": "linux", "logsource.service": service})


async def test_a_rule_is_shown_with_its_text_and_facts_and_nothing_in_it_is_markup(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.get(f"/rules/{ID}")).text

    assert "Root &lt;b&gt;signs in&lt;/b&gt;" in found
    assert "<b>signs in" not in found
    assert '<li value="1"><span><span class="k">title</span>:' in found
    assert '<span class="c"># a note</span>' in found
    assert 'href="https://example.org/why" rel="noopener noreferrer"' in found
    assert 'href="javascript:' not in found
    assert "The night shift" in found


async def test_an_unknown_rule_is_not_found(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        assert (await browser.get("/rules/nothing")).status_code == 404


async def test_an_event_that_matches_shows_what_was_seen(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = await browser.submit(f"/rules/{ID}/try", text=event("root"))

    assert found.status_code == 200
    assert "It matches." in found.text
    assert 'saw <code class="hl">root</code>' in found.text


async def test_an_event_that_does_not_match_shows_which_item_was_false(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.submit(f"/rules/{ID}/try", text=event("ada"))).text

    assert "It does not match." in found
    assert "Its log source fits, but its condition is false." in found
    assert 'saw <code class="">ada</code>' in found


async def test_an_event_of_another_log_source_is_said_to_be_one(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.submit(f"/rules/{ID}/try", text=event("root", "cron"))).text

    assert "It reads only linux sshd; the event is linux cron." in found
    assert "The condition by itself is true." in found


async def test_a_correlation_is_tried_by_the_rules_that_it_counts(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.submit(f"/rules/{COUNTING}/try", text=event("root"))).text

    assert "It counts:" in found
    assert "It matches." in found


@pytest.mark.parametrize("text", ["", "{", "\x00\ufffd", "[1]", "{" * 5_000, "plain words"])
async def test_whatever_is_pasted_gets_an_answer(console: TestedConsole, text: str) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = await browser.submit(f"/rules/{ID}/try", text=text)

    assert found.status_code in (200, 422)
    assert "It matches." not in found.text


async def test_an_engineer_switches_a_rule_off(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("engineer")

        answer = await browser.submit(f"/rules/{ID}/switch", enabled="false", revision="0")
        found = (await browser.get(f"/rules/{ID}")).text

    assert (answer.status_code, answer.headers["location"]) == (303, f"/rules/{ID}")
    assert not switches(console.database)[ID].enabled
    assert "Switch on" in found


async def test_whoever_decides_on_what_has_changed_is_told_who_was_faster(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("engineer")
        await browser.submit(f"/rules/{ID}/switch", enabled="false", revision="0")

        late = await browser.submit(f"/rules/{ID}/switch", enabled="true", revision="0")

    assert late.status_code == 409
    assert "Nothing was changed." in late.text
    assert "engineer switched this rule meanwhile." in late.text
    assert not switches(console.database)[ID].enabled


async def test_a_viewer_sees_why_the_switch_is_disabled_and_cannot_use_it(
    console: TestedConsole,
) -> None:
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        found = (await browser.get(f"/rules/{ID}")).text
        answer = await browser.submit(f"/rules/{ID}/switch", enabled="false", revision="0")

    assert "Switching rules needs the role engineer; yours is viewer" in found
    assert answer.status_code == 403
    assert ID not in switches(console.database)


async def test_the_switch_never_leads_to_another_site(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("engineer")

        answer = await browser.submit(
            f"/rules/{ID}/switch", enabled="false", revision="0", back="//evil.example/rules"
        )

    assert answer.headers["location"] == f"/rules/{ID}"
