"""The build hook brings every browser file that the console's pages and styles ask for."""

import json
import re
from pathlib import Path

from hatch_build import ASSETS, ICONS, TEST_ASSETS, copy, sprite
from web.rendering.navigation import NAVIGATION

ROOT = Path(__file__).parents[2]
TEMPLATES = [path.read_text() for path in (ROOT / "web/templates").rglob("*.html")]
LOCK = json.loads((ROOT / "package-lock.json").read_text())["packages"]


def test_everything_that_pages_load_is_copied() -> None:
    wanted = {name for page in TEMPLATES for name in re.findall(r"vendor/([\w.-]+)'", page)}

    assert wanted <= {*ASSETS.values(), "icons.svg"}


def test_every_icon_of_the_pages_is_in_the_sprite() -> None:
    wanted = {name for page in TEMPLATES for name in re.findall(r"icon\('([\w-]+)'", page)}
    wanted |= {item.icon for group in NAVIGATION for item in group.items}

    assert wanted <= set(ICONS)


def test_fonts_are_asked_for_under_the_version_that_is_locked() -> None:
    tokens = (ROOT / "web/static/tokens.css").read_text()
    asked = dict(re.findall(r"vendor/([\w-]+\.woff2)\?v=([\d.]+)", tokens))
    locked = {
        target: LOCK["node_modules/" + "/".join(source.split("/")[:2])]["version"]
        for source, target in ASSETS.items()
        if target.endswith(".woff2")
    }

    assert asked == locked


def test_what_is_shipped_has_its_licence_beside_it_and_what_tests_need_is_not_shipped() -> None:
    shipped = {source.split("/files/")[0].split("/dist/")[0] for source in ASSETS}
    packages = {name.removeprefix("node_modules/") for name in LOCK if name}
    licensed = {
        package for package in packages for source in ASSETS if source == f"{package}/LICENSE"
    }

    development = {name for name in packages if LOCK[f"node_modules/{name}"].get("dev")}
    assert licensed == packages - development
    assert development == {source.split("/")[0] for source in TEST_ASSETS}
    assert not development & shipped


def test_a_directory_is_filled_anew(tmp_path: Path) -> None:
    modules, target = tmp_path / "modules", tmp_path / "target"
    (modules / "one").mkdir(parents=True)
    (modules / "one" / "a.js").write_text("new")
    target.mkdir()
    (target / "left.js").write_text("old")

    copy(modules, {"one/a.js": "b.js"}, target)

    assert {path.name: path.read_text() for path in target.iterdir()} == {"b.js": "new"}


def test_the_sprite_holds_the_shapes_of_each_icon_and_nothing_of_its_frame(tmp_path: Path) -> None:
    for name in ICONS:
        (tmp_path / f"{name}.svg").write_text(
            f'<!-- x --><svg a="b">\n  <path d="{name}"/>\n</svg>'
        )

    made = sprite(tmp_path)

    assert '<symbol id="i-bell" viewBox="0 0 24 24"><path d="bell"/></symbol>' in made
    assert made.count("<symbol") == len(ICONS)
    assert made.count("<svg") == 1
