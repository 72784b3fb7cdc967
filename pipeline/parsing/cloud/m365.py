"""Microsoft 365's unified audit log (Office 365 Management Activity API schema)."""

from pipeline.parsing.document_source import DocumentSource
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="m365", services=("audit",))
_BY_WORKLOAD = {
    "Exchange": LogSource(product="m365", services=("audit", "exchange")),
    "SecurityComplianceCenter": LogSource(
        product="m365", services=("audit", "threat_management", "threat_detection")
    ),
}


def _refine(fields: dict[str, Value]) -> None:
    workload = str(fields["Workload"])
    if source := _BY_WORKLOAD.get(workload):
        fields.update(source.fields)
    fields.setdefault("eventSource", workload)  # as Sigma's rules for it call the two
    fields.setdefault("eventName", fields["Operation"])
    status = str(fields.get("ResultStatus", "")).lower()
    if status in ("success", "succeeded", "true"):
        fields["event.outcome"] = "success"
    elif status in ("failed", "failure", "false", "partiallysucceeded"):
        fields["event.outcome"] = "failure"


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="Workload",
    recognises=lambda document: (
        isinstance(document["Workload"], str) and isinstance(document.get("Operation"), str)
    ),
    ecs={
        "user.name": ("UserId", "UserKey"),
        "source.ip": ("ClientIP", "ActorIpAddress", "ClientIPAddress"),
        "event.action": ("Operation",),
    },
    message=("Operation", "Workload", "ObjectId"),
    refine=_refine,
)
