"""Google Cloud audit logs, and Google Workspace's through them (AuditLog in protoPayload).

Sigma calls the method ``gcp.audit.method_name``; its Workspace rules say ``eventName``.
"""

from pipeline.parsing.document_source import DocumentSource
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="gcp", services=("gcp.audit",))
_WORKSPACE = {
    "admin.googleapis.com": LogSource(
        product="gcp", services=("google_workspace.admin", "gcp.audit")
    ),
    "login.googleapis.com": LogSource(
        product="gcp", services=("google_workspace.login", "gcp.audit")
    ),
}


def _refine(fields: dict[str, Value]) -> None:
    service = fields.get("protoPayload.serviceName")
    if "protoPayload.methodName" in fields:
        fields.setdefault("gcp.audit.method_name", fields["protoPayload.methodName"])
    if service is not None:
        fields.setdefault("gcp.audit.service_name", service)
    if isinstance(service, str) and service in _WORKSPACE:
        fields.update(_WORKSPACE[service].fields)
        fields.setdefault("eventService", service)
        for name in ("protoPayload.metadata.event.eventName", "protoPayload.methodName"):
            if name in fields:
                fields.setdefault("eventName", fields[name])
    if code := fields.get("protoPayload.status.code"):
        fields["event.outcome"] = "success" if code == 0 else "failure"


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="protoPayload",
    recognises=lambda document: isinstance(document["protoPayload"], dict),
    ecs={
        "user.name": ("protoPayload.authenticationInfo.principalEmail",),
        "source.ip": ("protoPayload.requestMetadata.callerIp",),
        "event.action": ("protoPayload.methodName",),
        "user_agent.original": ("protoPayload.requestMetadata.callerSuppliedUserAgent",),
    },
    message=("protoPayload.methodName", "protoPayload.resourceName", "severity"),
    refine=_refine,
)
