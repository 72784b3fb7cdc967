"""The console in a real browser, for everybody: axe, keys alone, a phone, a large type size."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from detections.rule_set import SHIPPED_RULES
from tests.support.filled import Backends
from tests.support.served import Served, chromium, page_of, sign_in

pytestmark = pytest.mark.peer("chromium")
expect.set_options(timeout=30_000)

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SERIOUS = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}"""
PAGES = {
    "overview": "/",
    "alerts": "/alerts",
    "alerts by entity": "/alerts?group=entity",
    "an alert": "/alerts/{alert}",
    "history of an alert": "/alerts/{alert}?tab=history",
    "search": "/search",
    "an event beside the search": "/search?event={event}",
    "an event": "/events/{event}",
    "a search that cannot be read": "/search?q=)",
    "live tail": "/live",
    "rules": "/rules",
    "files that gave no rule": "/rules?state=problems",
    "topics": "/topics",
    "a topic": "/topics/events.log",
    "pipeline": "/pipeline",
    "metrics": "/series",
    "clicks": "/clicks",
    "notifications": "/notifications",
    "tokens": "/admin/tokens",
    "accounts": "/admin/accounts",
    "audit trail": "/admin/audit",
    "profile": "/profile",
    "nothing": "/nowhere",
}
LISTS = ("/", "/alerts", "/search", "/rules", "/topics", "/pipeline", "/admin/audit")


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    with Backends(tmp_path_factory.mktemp("backends")) as running:
        yield running


@pytest.fixture(scope="module")
def address(backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("console")
    with Served(directory, backends.pipeline, [SHIPPED_RULES]) as served:
        yield served.address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """Opened after everything that runs a loop of its own: Playwright runs one, too."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    with page_of(browser) as opened:
        sign_in(opened, address, "/profile")
        yield opened


@pytest.fixture
def axe() -> str:
    """The checker, which the build of a checkout brings."""
    if not AXE.is_file():
        pytest.skip("axe is not there: ./tocsin test brings it")
    return AXE.read_text()


@pytest.fixture(params=PAGES.values(), ids=list(PAGES))
def path(request: pytest.FixtureRequest, backends: Backends) -> str:
    company = backends.company
    wanted: str = request.param
    return wanted.format(alert=company.alerts[0].id, event=company.events[-1].id)


def test_no_page_has_a_serious_fault_in_either_theme(
    page: Page, address: str, path: str, axe: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address + path)
    page.evaluate(axe)
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found[theme] = page.evaluate(SERIOUS)

    assert found == {"light": [], "dark": []}


def test_no_page_is_wider_than_a_phone_or_than_a_window_at_200_percent(
    page: Page, address: str, path: str
) -> None:
    page.goto(address + path)
    widths = {}
    for width, height in ((390, 844), (720, 450)):
        page.set_viewport_size({"width": width, "height": height})
        widths[width] = page.evaluate("document.documentElement.scrollWidth")

    assert all(found <= width for width, found in widths.items()), widths


def test_signing_in_has_no_serious_fault(browser: Browser, address: str, axe: str) -> None:
    with page_of(browser) as page:
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.goto(f"{address}/login")
            page.evaluate(axe)
            assert page.evaluate(SERIOUS) == []


@pytest.mark.parametrize("path", LISTS)
def test_j_and_k_move_over_the_rows_of_every_list_and_the_focus_is_seen(
    page: Page, address: str, path: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address + path)
    rows = page.locator(
        "main :is([data-rows] a[data-row], [data-rows] tr[tabindex],"
        " table:not([data-rows]) td.name a)"
    )

    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("j")
    second = min(1, rows.count() - 1)
    expect(rows.nth(second)).to_be_focused()
    page.keyboard.press("k")

    expect(rows.nth(0)).to_be_focused()
    assert outline == "solid"


def test_an_alert_is_found_opened_and_left_with_keys_alone(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{address}/alerts?level=high")

    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A critical thing happened")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page).to_have_url(f"{address}/alerts?level=high")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).not_to_be_visible()


def test_the_row_with_the_focus_is_acknowledged_and_the_decision_taken_back(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{address}/alerts")
    rows = page.locator("#queue tbody tr")
    before = rows.count()

    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 chosen")).to_be_visible()
    page.keyboard.press("e")
    expect(page.get_by_text("1 alert acknowledged.")).to_be_visible()
    expect(rows).to_have_count(before - 1)
    page.keyboard.press("z")
    expect(page.get_by_text("1 alert as before again.")).to_be_visible()

    expect(rows).to_have_count(before)


def test_the_first_tab_skips_the_navigation(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{address}/topics")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_letters_are_drawn_with_the_fonts_that_come_with_the_console(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/topics")

    loaded = page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts]"
        ".filter((one) => one.status === 'loaded').map((one) => one.family))"
    )

    assert {name.strip('"') for name in loaded} == {"Inter", "JetBrains Mono"}
