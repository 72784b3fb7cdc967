"""Azure Monitor's export: the activity log and what Entra ID writes.

``category`` tells which service wrote it; what Entra ID writes under another category may be of
any of its services.
"""

from pipeline.parsing.document_source import Document, DocumentSource
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="azure", services=("activitylogs",))
_SIGN_INS = LogSource(product="azure", services=("signinlogs",))
_RISKS = LogSource(product="azure", services=("riskdetection",))
_BY_CATEGORY = {
    "SignInLogs": _SIGN_INS,
    "NonInteractiveUserSignInLogs": _SIGN_INS,
    "ServicePrincipalSignInLogs": _SIGN_INS,
    "ManagedIdentitySignInLogs": _SIGN_INS,
    "AuditLogs": LogSource(product="azure", services=("auditlogs", "pim")),
    "RiskyUsers": _RISKS,
    "UserRiskEvents": _RISKS,
    "ServicePrincipalRiskEvents": _RISKS,
}
_ENTRA = LogSource(product="azure", services=("auditlogs", "signinlogs", "riskdetection", "pim"))


def _recognises(document: Document) -> bool:
    return "resourceId" in document or ("category" in document and "properties" in document)


def _refine(fields: dict[str, Value]) -> None:
    resource = str(fields.get("resourceId", "")).lower()
    entra = "microsoft.aadiam" in resource
    source = _BY_CATEGORY.get(str(fields.get("category", "")), _ENTRA if entra else None)
    if source is not None:
        fields.update(source.fields)
    result = str(fields.get("resultType", fields.get("properties.result", ""))).lower()
    if result in ("0", "success", "succeeded"):
        fields["event.outcome"] = "success"
    elif result in ("failure", "failed") or (result.isdecimal() and result != "0"):
        fields["event.outcome"] = "failure"


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="operationName",
    recognises=_recognises,
    ecs={
        "user.name": (
            "properties.userPrincipalName",
            "properties.initiatedBy.user.userPrincipalName",
            "identity.claims.name",
            "caller",
        ),
        "source.ip": ("callerIpAddress", "properties.ipAddress"),
        "event.action": ("operationName",),
    },
    message=("operationName", "resultDescription", "resourceId"),
    refine=_refine,
)
