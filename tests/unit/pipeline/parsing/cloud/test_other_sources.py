"""Every other document source: what it is recognised by, and who did what from where."""

import pytest

from pipeline.parsing.cloud import (
    bitbucket,
    duo,
    github,
    kubernetes,
    m365,
    okta,
    onelogin,
    opencanary,
)
from pipeline.parsing.document_source import DocumentSource

CASES: list[tuple[DocumentSource, dict[str, object], dict[str, object]]] = [
    (
        okta.SOURCE,
        {
            "eventType": "user.session.start",
            "published": "2026-03-01T11:59:00Z",
            "actor": {"alternateId": "bob"},
            "client": {"ipAddress": "203.0.113.9"},
            "outcome": {"result": "FAILURE"},
        },
        {"user.name": "bob", "source.ip": "203.0.113.9", "event.outcome": "failure"},
    ),
    (
        github.SOURCE,
        {"action": "repo.destroy", "actor": "bob", "org": "o", "actor_ip": "203.0.113.9"},
        {"user.name": "bob", "source.ip": "203.0.113.9", "event.action": "repo.destroy"},
    ),
    (
        kubernetes.SOURCE,
        {
            "kind": "Event",
            "verb": "create",
            "objectRef": {"resource": "pods"},
            "user": {"username": "bob"},
            "sourceIPs": ["203.0.113.9"],
            "responseStatus": {"code": 201},
        },
        {"user.name": "bob", "source.ip": "203.0.113.9", "event.outcome": "success"},
    ),
    (
        m365.SOURCE,
        {
            "Workload": "SecurityComplianceCenter",
            "Operation": "AlertTriggered",
            "UserId": "bob",
            "ClientIP": "203.0.113.9",
            "ResultStatus": "Failed",
        },
        {
            "user.name": "bob",
            "eventSource": "SecurityComplianceCenter",
            "eventName": "AlertTriggered",
            "event.outcome": "failure",
            "logsource.service": ["audit", "threat_management", "threat_detection"],
        },
    ),
    (
        onelogin.SOURCE,
        {"event_type_id": 5, "actor_user_id": 1, "actor_user_name": "bob", "user_name": "eve"},
        {"user.name": "bob", "user.target.name": "eve", "event.action": 5},
    ),
    (
        duo.SOURCE,
        {"isotimestamp": "2026-03-01T11:59:00+00:00", "action": "admin_login", "username": "bob"},
        {"user.name": "bob", "logsource.product": "cisco", "logsource.service": ["duo"]},
    ),
    (
        bitbucket.SOURCE,
        {"auditType": {"action": "Repository deleted"}, "author": {"name": "bob"}},
        {"user.name": "bob", "event.action": "Repository deleted"},
    ),
    (
        opencanary.SOURCE,
        {"logtype": 2000, "node_id": "c1", "src_host": "203.0.113.9", "dst_port": 21},
        {"source.ip": "203.0.113.9", "destination.port": 21, "host.name": "c1"},
    ),
]


@pytest.mark.parametrize(
    ("source", "document", "expected"), CASES, ids=[str(case[0].log_source) for case in CASES]
)
def test_a_document_names_who_did_what(
    source: DocumentSource, document: dict[str, object], expected: dict[str, object]
) -> None:
    assert source.name in document
    assert source.recognises(document)

    fields = source.parse(document)

    assert fields | expected == fields
    assert fields["logsource.product"] == source.log_source.product
    assert fields["message"]


@pytest.mark.parametrize(
    ("source", "document"),
    [
        (okta.SOURCE, {"eventType": "x"}),
        (github.SOURCE, {"action": "x", "actor": "bob"}),
        (github.SOURCE, {"action": "x", "org": "o"}),
        (kubernetes.SOURCE, {"kind": "Pod", "apiVersion": "audit.k8s.io/v1"}),
        (kubernetes.SOURCE, {"kind": "Event", "apiVersion": "v1"}),
        (m365.SOURCE, {"Workload": "Exchange"}),
        (m365.SOURCE, {"Workload": 1, "Operation": "x"}),
        (onelogin.SOURCE, {"event_type_id": 5}),
        (duo.SOURCE, {"isotimestamp": "x", "action": "y"}),
        (bitbucket.SOURCE, {"auditType": "x"}),
        (opencanary.SOURCE, {"logtype": 1}),
    ],
)
def test_a_look_alike_is_not_taken_for_it(
    source: DocumentSource, document: dict[str, object]
) -> None:
    assert not source.recognises(document)
