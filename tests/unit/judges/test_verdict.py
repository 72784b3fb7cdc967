"""What is known to fail is told from what nobody expected."""

import re
from pathlib import Path

from tests.judges.verdict import Outcome, Trial, Verdict, tried, weigh


def verdict(outcome: Outcome, why: str = "") -> Verdict:
    return Verdict(program="one", outcome=outcome, why=why)


def test_a_failure_without_a_known_reason_is_unexpected() -> None:
    found = weigh(verdict(Outcome.FAIL, "it said no"), {"another": "left out"})

    assert not found.is_expected
    assert found.why == "it said no"


def test_a_failure_with_a_known_reason_is_expected_and_tells_it() -> None:
    found = weigh(verdict(Outcome.FAIL, "it said no"), {"one": "needs what we leave out"})

    assert found.is_expected
    assert found.why == "needs what we leave out"


def test_a_pass_in_spite_of_a_known_reason_is_unexpected() -> None:
    assert weigh(verdict(Outcome.PASS), {}).is_expected
    assert not weigh(verdict(Outcome.PASS), {"one": "needs what we leave out"}).is_expected


def test_what_is_left_out_is_never_unexpected() -> None:
    assert weigh(verdict(Outcome.LEFT_OUT, "no such API"), {}).is_expected


def test_a_story_that_breaks_off_fails_with_its_words() -> None:
    def broken() -> None:
        raise AssertionError("nothing arrived")

    good, bad = tried({"good": lambda: None, "bad": broken})

    assert good.outcome is Outcome.PASS
    assert (bad.outcome, bad.why, bad.is_expected) == (Outcome.FAIL, "nothing arrived", False)


def test_only_what_is_wanted_is_chosen() -> None:
    trial = Trial(address="", scratch=Path(), wanted=re.compile("01"))

    assert trial.chosen(["0101", "0202"]) == ["0101"]
