"""Priorities are all there and say what RFC 5424 says."""

import pytest

from pipeline.parsing.syslog_message import PRIORITIES


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("0", ("kern", "emerg")),
        ("34", ("auth", "crit")),
        ("86", ("authpriv", "info")),
        ("165", ("local4", "notice")),
        ("191", ("local7", "debug")),
    ],
)
def test_a_priority_is_a_facility_and_a_severity(written: str, meaning: tuple[str, str]) -> None:
    assert PRIORITIES[written] == meaning


def test_nothing_else_is_a_priority() -> None:
    assert len(PRIORITIES) == 192
    assert all(wrong not in PRIORITIES for wrong in ("192", "-1", "007", "", "a"))
