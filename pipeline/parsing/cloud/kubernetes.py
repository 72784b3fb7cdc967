"""Kubernetes' audit log (audit.k8s.io Event objects)."""

from pipeline.parsing.document_source import Document, DocumentSource
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="kubernetes", category="application", services=("audit",))


def _recognises(document: Document) -> bool:
    if document["kind"] != "Event":
        return False
    version = str(document.get("apiVersion", ""))
    return version.startswith("audit.k8s.io/") or ("verb" in document and "objectRef" in document)


def _refine(fields: dict[str, Value]) -> None:
    code = fields.get("responseStatus.code")
    if isinstance(code, int):
        fields["event.outcome"] = "success" if code < 400 else "failure"


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="kind",
    recognises=_recognises,
    ecs={
        "user.name": ("user.username",),
        "source.ip": ("sourceIPs",),
        "event.action": ("verb",),
        "user_agent.original": ("userAgent",),
    },
    message=("verb", "objectRef.resource", "objectRef.namespace", "objectRef.name"),
    refine=_refine,
)
