"""The trees of ARCHITECTURE.md, written from the first line of every module.

A tree is a code block whose first line names a package folder; ``tocsin docs`` replaces it and a
test compares it, so the map names every module and no other.
"""

import ast
import re
from pathlib import Path

PACKAGES = ("broker_core", "pipeline", "detections", "web", "appliance")
INDENT = 2


def with_trees(page: str, root: Path) -> str:
    """The page with every package's tree as the code under ``root`` has it."""
    for package in PACKAGES:
        block = re.compile(rf"^```\n{package}/ +[A-Z].*?^```$", re.MULTILINE | re.DOTALL)
        tree = "```\n" + "\n".join(_tree(root / package)) + "\n```"
        before, *rest = block.split(page)
        if len(rest) != 1:
            raise ValueError(f"ARCHITECTURE.md has {len(rest)} trees of {package}, not one")
        page = before + tree + rest[0]
    return page


def _tree(package: Path) -> list[str]:
    """One line for each folder and module, descriptions aligned."""
    entries = [(package.name + "/", _first_line(package / "__init__.py"))]
    entries += _entries(package, 1)
    width = min(max(len(name) for name, _ in entries), 28) + 2
    return [f"{name.ljust(width - 1)} {meaning}".rstrip() for name, meaning in entries]


def _entries(folder: Path, depth: int) -> list[tuple[str, str]]:
    """The lines below a folder: its packages first, then its modules, each by name."""
    margin = " " * INDENT * depth
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / "__init__.py").is_file():
            found.append((f"{margin}{path.name}/", _first_line(path / "__init__.py")))
            found += _entries(path, depth + 1)
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            found.append((f"{margin}{path.name}", _first_line(path)))
    return found


def _first_line(module: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(module.read_text())) or "").split("\n")[0]
