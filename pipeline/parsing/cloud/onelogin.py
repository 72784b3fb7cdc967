"""OneLogin's events."""

from pipeline.parsing.document_source import Document, DocumentSource
from pipeline.parsing.log_source import LogSource

LOG_SOURCE = LogSource(product="onelogin", services=("onelogin.events",))


def _recognises(document: Document) -> bool:
    return "actor_user_id" in document or "user_id" in document


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="event_type_id",
    recognises=_recognises,
    ecs={
        "user.name": ("actor_user_name", "user_name"),
        "source.ip": ("ipaddr",),
        "event.action": ("event_type_id",),
        "user.target.name": ("user_name",),
    },
    message=("event_type_id", "actor_user_name", "user_name", "notes"),
)
