"""Log sources lay themselves into events; what they don't say is absent."""

from pipeline.parsing.log_source import LogSource


def test_only_what_is_said_becomes_a_field() -> None:
    assert LogSource(category="webserver").fields == {"logsource.category": "webserver"}
    assert LogSource(product="linux", services=("sshd", "auth")).fields == {
        "logsource.product": "linux",
        "logsource.service": ["sshd", "auth"],
    }


def test_two_that_say_the_same_are_equal() -> None:
    assert LogSource(product="linux") == LogSource(product="linux")
    assert LogSource(product="linux") != LogSource(product="windows")
