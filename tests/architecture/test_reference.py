"""What is written from the code is what the code says now; `./tocsin docs` writes it anew."""

from pathlib import Path

import pytest

from appliance.reference import pages
from appliance.source_map import with_trees

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted(pages()), ids=str)
def test_a_generated_page_is_current(path: Path) -> None:
    assert (ROOT / path).read_text() == pages()[path], "run ./tocsin docs"


def test_the_map_names_every_module_with_its_first_line() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()

    assert with_trees(page, ROOT) == page, "run ./tocsin docs"
