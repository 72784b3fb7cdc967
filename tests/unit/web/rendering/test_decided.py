"""What was just decided is told once, and its cookie cannot say anything else."""

from uuid import UUID

import pytest

from web.rendering.decided import MOST_ALERTS, Decided, decided, from_cookie, to_cookie

IDS = [str(UUID(int=number)) for number in range(MOST_ALERTS + 1)]


@pytest.mark.parametrize("action", ["acknowledge", "close", "reopen", "assign"])
def test_a_decision_comes_back_with_the_alerts_that_it_changed(action: str) -> None:
    made = decided(action, IDS[:3])

    assert from_cookie(to_cookie(made)) == made
    assert made.ids == tuple(IDS[:3])


@pytest.mark.parametrize("action", ["note", "undo"])
def test_a_note_and_an_undo_are_told_but_not_taken_back(action: str) -> None:
    assert decided(action, IDS[:1]) == Decided(action=action, count=1)


def test_more_alerts_than_a_cookie_holds_are_counted_only() -> None:
    made = decided("close", IDS)

    assert (made.count, made.ids) == (MOST_ALERTS + 1, ())
    assert made.sentence == f"{MOST_ALERTS + 1} alerts closed"
    assert len(to_cookie(decided("acknowledge", IDS[:MOST_ALERTS]))) < 4_000


@pytest.mark.parametrize(
    "text",
    ["", "close", "close/0", "close/99999", "close/1/x", "format/1", f"close/1/{IDS[0]}/", "/1"],
)
def test_what_we_did_not_write_tells_nothing(text: str) -> None:
    assert from_cookie(text) is None
