"""Bitbucket's audit log."""

from pipeline.parsing.document_source import DocumentSource
from pipeline.parsing.log_source import LogSource

LOG_SOURCE = LogSource(product="bitbucket", services=("audit",))

SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="auditType",
    recognises=lambda document: isinstance(document["auditType"], dict),
    ecs={
        "user.name": ("author.name",),
        "source.ip": ("source",),
        "event.action": ("auditType.action",),
    },
    message=("auditType.action", "author.name", "auditType.category"),
)
