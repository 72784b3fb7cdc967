"""AWS CloudTrail: calls of the AWS API (record format, event version 1.0x)."""

from pipeline.parsing.document_source import Document, DocumentSource
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="aws", services=("cloudtrail",))


def _recognises(document: Document) -> bool:
    return "eventName" in document and ("awsRegion" in document or "userIdentity" in document)


def _outcome(fields: dict[str, Value]) -> None:
    failed = "errorCode" in fields or fields.get("responseElements.ConsoleLogin") == "Failure"
    fields["event.outcome"] = "failure" if failed else "success"


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="eventSource",
    recognises=_recognises,
    ecs={
        "user.name": ("userIdentity.userName", "userIdentity.arn", "userIdentity.principalId"),
        "source.ip": ("sourceIPAddress",),
        "event.action": ("eventName",),
        "user_agent.original": ("userAgent",),
    },
    message=("eventName", "eventSource", "errorMessage"),
    refine=_outcome,
)
