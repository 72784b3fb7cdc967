"""CloudTrail's records."""

import pytest

from pipeline.parsing.cloud.cloudtrail import SOURCE

RECORD: dict[str, object] = {
    "eventSource": "signin.amazonaws.com",
    "eventName": "ConsoleLogin",
    "awsRegion": "eu-north-1",
    "sourceIPAddress": "203.0.113.9",
    "userIdentity": {"arn": "arn:aws:iam::1:user/bob", "userName": "bob"},
}


def test_a_call_names_who_whence_and_what() -> None:
    fields = SOURCE.parse(RECORD)

    assert (fields["user.name"], fields["source.ip"]) == ("bob", "203.0.113.9")
    assert (fields["event.action"], fields["event.outcome"]) == ("ConsoleLogin", "success")
    assert (fields["logsource.product"], fields["logsource.service"]) == ("aws", ["cloudtrail"])


@pytest.mark.parametrize(
    "more", [{"errorCode": "AccessDenied"}, {"responseElements": {"ConsoleLogin": "Failure"}}]
)
def test_errors_and_refused_logins_are_failures(more: dict[str, object]) -> None:
    assert SOURCE.parse({**RECORD, **more})["event.outcome"] == "failure"


def test_other_documents_with_an_event_source_are_not_taken_for_it() -> None:
    assert SOURCE.recognises(RECORD)
    assert not SOURCE.recognises({"eventSource": "Exchange", "eventName": "x"})
