import pytest

from pipeline.schema.event import Value
from pipeline.store.search_language import parse, predicate
from tests.support.stored_values import log_event

FIELDS: dict[str, Value] = {
    "message": "Failed password for invalid user bob from 10.0.0.7",
    "user.name": ["root", "Admin"],
    "source.ip": "10.0.0.7",
    "sc-status": 404,
    "elevated": True,
    "empty": "",
    "logsource.service": ["sshd"],
}
EVENT, _ = log_event(7, FIELDS)


@pytest.mark.parametrize(
    "search",
    [
        "",
        "failed",
        "FAILED bob",
        '"failed PASSWORD"',
        "10.0.0.7",
        "pass*",
        "raw",
        "raw:raw",
        "message:bob",
        "user:root user:admin",
        "user:(nobody OR root)",
        "user:ad?in",
        "source.ip:10.0.0.0/24",
        "sc-status>=404 sc-status<405",
        "sc-status:[400 TO 499]",
        "elevated:true",
        "NOT empty:*",
        "service:SSHD",
        "source:syslog:10.0.0.7",
        f"id:{EVENT.id}",
        "-nothing",
        "nothing OR bob",
    ],
)
def test_an_event_is_found(search: str) -> None:
    assert predicate(parse(search))(EVENT)


@pytest.mark.parametrize(
    "search",
    [
        "fail",
        '"password failed"',
        '"ailed passwor"',
        "10.0.0.77",
        "message:raw",
        "raw:bob",
        "user:roo",
        "source.ip:10.0.1.0/24",
        "sc-status>404",
        "user>1",
        "elevated:1",
        "empty:*",
        "NOT failed",
        "nothing:*",
        "id:00000000-0000-0000-0000-000000000008",
    ],
)
def test_another_is_not(search: str) -> None:
    assert not predicate(parse(search))(EVENT)
