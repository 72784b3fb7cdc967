"""The chaos checker at work: it finds what was broken on purpose, and nothing where nothing is.

Long runs, and those that count: ``./tocsin bench chaos``.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.clients import Crew
from tests.chaos.directed import DIRECTED
from tests.chaos.hosts import why_impossible
from tests.chaos.run import Plan, run
from tests.chaos.seeded_bugs import BUGS

pytestmark = pytest.mark.skipif(why_impossible() is not None, reason=str(why_impossible()))


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_noticed(bug: str, tmp_path: Path) -> None:
    directed = DIRECTED[bug]

    report = run(directed.plan, tmp_path)

    assert report.broken & directed.shows_as, report


def test_three_nodes_keep_their_word_under_every_class_of_fault(tmp_path: Path) -> None:
    crew = Crew(plain=2, transactional=0, zombies=0)
    kinds = ("killed", "stopped", "cut-off", "filled", "unsynced")

    report = run(Plan(nodes=3, faults=len(kinds), crew=crew, kinds=kinds), tmp_path)

    assert report.is_clean, report
    assert set(report.faults) == set(kinds)


def test_one_node_keeps_its_word_where_a_bug_would_have_broken_it(tmp_path: Path) -> None:
    crew = Crew(plain=1, transactional=1, zombies=1)
    plan = replace(DIRECTED["lose-producer-snapshot"].plan, crew=crew, bug=None)

    report = run(plan, tmp_path)

    assert report.is_clean, report
