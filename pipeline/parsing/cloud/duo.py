"""Duo's administrator log, which Sigma files under Cisco."""

from pipeline.parsing.document_source import DocumentSource, has
from pipeline.parsing.log_source import LogSource

LOG_SOURCE = LogSource(product="cisco", services=("duo",))

SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="isotimestamp",
    recognises=has("action", "username"),
    ecs={"user.name": ("username",), "event.action": ("action",)},
    message=("username", "action", "object"),
)
