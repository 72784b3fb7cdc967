"""Okta's System Log (LogEvent objects)."""

from pipeline.parsing.document_source import DocumentSource, has
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="okta", services=("okta",))
_OUTCOMES = {"SUCCESS": "success", "ALLOW": "success", "FAILURE": "failure", "DENY": "failure"}


def _refine(fields: dict[str, Value]) -> None:
    outcome = fields.get("outcome.result")
    if isinstance(outcome, str) and outcome in _OUTCOMES:
        fields["event.outcome"] = _OUTCOMES[outcome]


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="eventType",
    recognises=has("actor", "published"),
    ecs={
        "user.name": ("actor.alternateId", "actor.displayName"),
        "source.ip": ("client.ipAddress",),
        "event.action": ("eventType",),
        "user_agent.original": ("client.userAgent.rawUserAgent",),
    },
    message=("displayMessage", "eventType"),
    refine=_refine,
)
