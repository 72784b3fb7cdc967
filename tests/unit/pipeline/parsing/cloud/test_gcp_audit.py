"""Google Cloud's audit log and Workspace's."""

import pytest

from pipeline.parsing.cloud.gcp_audit import SOURCE


def document(service: str, **more: object) -> dict[str, object]:
    return {"protoPayload": {"serviceName": service, "methodName": "m", **more}}


def test_the_method_has_the_name_that_rules_ask_for() -> None:
    fields = SOURCE.parse(document("iam.googleapis.com"))

    assert fields["gcp.audit.method_name"] == fields["event.action"] == "m"
    assert fields["logsource.service"] == ["gcp.audit"]


def test_a_workspace_event_has_its_own_service_and_name() -> None:
    metadata = {"event": {"eventName": "CHANGE_PASSWORD"}}

    fields = SOURCE.parse(document("admin.googleapis.com", metadata=metadata))

    assert fields["logsource.service"] == ["google_workspace.admin", "gcp.audit"]
    assert (fields["eventService"], fields["eventName"]) == (
        "admin.googleapis.com",
        "CHANGE_PASSWORD",
    )


@pytest.mark.parametrize(("code", "outcome"), [(7, "failure"), (0, None)])
def test_a_status_other_than_zero_is_a_failure(code: int, outcome: str | None) -> None:
    fields = SOURCE.parse(document("iam.googleapis.com", status={"code": code}))

    assert fields.get("event.outcome") == outcome


def test_a_payload_that_is_no_object_is_not_taken_for_it() -> None:
    assert not SOURCE.recognises({"protoPayload": "x"})
