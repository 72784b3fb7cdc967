"""GitHub's audit log of organisations and enterprises."""

from pipeline.parsing.document_source import Document, DocumentSource
from pipeline.parsing.log_source import LogSource

LOG_SOURCE = LogSource(product="github", services=("audit",))


def _recognises(document: Document) -> bool:
    if "actor" not in document and "_document_id" not in document:
        return False
    return any(name in document for name in ("org", "business", "repo", "_document_id"))


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="action",
    recognises=_recognises,
    ecs={
        "user.name": ("actor",),
        "source.ip": ("actor_ip",),
        "event.action": ("action",),
        "user.target.name": ("user",),
    },
    message=("actor", "action", "repo", "org"),
)
