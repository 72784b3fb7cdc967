"""What librdkafka's programs report and print is read as verdicts."""

import json
from pathlib import Path

from tests.judges.librdkafka import _left_out, _reasons
from tests.judges.librdkafka_run import Run, read
from tests.judges.verdict import Outcome

STATES = {
    "0053_stats": "PASSED",
    "0054_offset_time": "PASSED",
    "0053_stats_timing": "SKIPPED",
    "0053_other": "FAILED",
    "0053_more": "SKIPPED",
    "0053_of_another_scenario": "SKIPPED",
}
PRINTED = """\
[0053_stats_timing           /  0.000s] WARN: SKIPPING TEST: Filtered due to negative test flags
[0053_more                   /  0.000s] WARN: SKIPPING TEST: Test skipped due to quick mode
### Test "0053_other (do_test:78: more)" failed at 0053.c:236:do_test() at Sun Nov 29 2026: ###
Expected NO_ERROR, not 40: INVALID_CONFIG
"""


def test_a_report_is_read_with_what_was_printed(tmp_path: Path) -> None:
    report = {"tests": {name: {"state": state} for name, state in STATES.items()}}
    (tmp_path / "test_report_1.json").write_text(json.dumps(report))

    run = Run(number="0053")
    found = {one.program: (one.outcome, one.why) for one in read(tmp_path, PRINTED, run)}

    assert found == {
        "0053_stats": (Outcome.PASS, ""),
        "0053_other": (
            Outcome.FAIL,
            "Expected NO_ERROR, not 40: INVALID_CONFIG (0053.c:236:do_test())",
        ),
        "0053_more": (Outcome.LEFT_OUT, "Test skipped due to quick mode"),
    }


def test_a_run_without_a_report_fails_with_its_last_words(tmp_path: Path) -> None:
    [found] = read(tmp_path, "loading\nno such library\n", Run(number="0053", part="Some"))

    assert (found.program, found.outcome, found.why) == (
        "0053, Some",
        Outcome.FAIL,
        "no such library",
    )


def test_what_three_nodes_are_needed_for_is_left_out_of_one() -> None:
    names = ["0103_transactions", "0170_share_consumer_subscription", "0005_order"]

    assert set(_left_out(names, _reasons(1, signs_in=False))) == set(names[:2])
    assert set(_left_out(names, _reasons(3, signs_in=False))) == {names[1]}


def test_who_signs_in_is_judged_by_what_asks_for_that() -> None:
    names = ["0142_reauthentication", "0142_reauthentication, producer"]

    assert set(_left_out(names, _reasons(1, signs_in=False))) == {names[0]}
    assert not _left_out(names, _reasons(1, signs_in=True))
