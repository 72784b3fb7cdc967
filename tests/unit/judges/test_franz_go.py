"""What Go's test programs print is read as verdicts."""

from tests.judges.franz_go import _read
from tests.judges.verdict import Outcome

PRINTED = """\
=== RUN   TestPing
--- PASS: TestPing (0.00s)
=== RUN   TestGroupSimple
=== RUN   TestGroupSimple/848
    consumer_test.go:1068: broker does not support KIP-848
    helpers_test.go:860: TestGroupSimple/848 completed in 36.451µs
=== RUN   TestGroupSimple/classic
=== NAME  TestGroupSimple
    consumer_test.go:1100: 3 records are missing
    helpers_test.go:931: deleting topic 0024db57
--- FAIL: TestGroupSimple (0.41s)
    --- SKIP: TestGroupSimple/848 (0.00s)
    --- PASS: TestGroupSimple/classic (0.40s)
FAIL
"""


def test_every_test_and_subtest_has_its_result_and_what_it_said() -> None:
    found = {one.program: (one.outcome, one.why) for one in _read(PRINTED)}

    assert found == {
        "TestPing": (Outcome.PASS, ""),
        "TestGroupSimple": (Outcome.FAIL, "3 records are missing"),
        "TestGroupSimple/848": (Outcome.LEFT_OUT, "broker does not support KIP-848"),
        "TestGroupSimple/classic": (Outcome.PASS, ""),
    }
