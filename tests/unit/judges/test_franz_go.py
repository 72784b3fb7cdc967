"""What Go's test programs print is read as verdicts."""

from tests.judges.franz_go import _read
from tests.judges.verdict import Outcome

PRINTED = """\
=== RUN   TestPing
--- PASS: TestPing (0.00s)
=== RUN   TestGroupSimple
    consumer_test.go:1068: broker does not support KIP-848
--- FAIL: TestGroupSimple (0.41s)
    --- SKIP: TestGroupSimple/848 (0.00s)
    --- PASS: TestGroupSimple/classic (0.40s)
FAIL
"""


def test_every_test_and_subtest_has_its_result_and_what_was_said() -> None:
    found = {one.program: (one.outcome, one.why) for one in _read(PRINTED)}

    said = "broker does not support KIP-848"
    assert found == {
        "TestPing": (Outcome.PASS, ""),
        "TestGroupSimple": (Outcome.FAIL, said),
        "TestGroupSimple/848": (Outcome.LEFT_OUT, said),
        "TestGroupSimple/classic": (Outcome.PASS, ""),
    }
