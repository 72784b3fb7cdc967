"""Values as JSON, encoded once."""

import base64

import msgspec
from fastapi.responses import Response

from pipeline.store.rows import StoredEvent
from web.investigate import TriagedAlert


def answer(value: object, status: int = 200) -> Response:
    """JSON; times in RFC 3339."""
    return Response(
        msgspec.json.encode(value),
        status,
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


def event_json(found: StoredEvent) -> dict[str, object]:
    """An event, with where it lay in the log when it was stored."""
    event = found.event
    body: dict[str, object] = {
        "id": event.id,
        "kind": event.kind.value,
        "time": event.time,
        "observed_time": event.observed_time,
        "source": event.source,
        "fields": event.fields,
        "raw": event.raw.decode("utf-8", "replace"),
        "topic": found.topic,
        "partition": found.partition,
        "offset": found.offset,
    }
    try:
        event.raw.decode()
    except UnicodeDecodeError:
        body["raw_base64"] = base64.b64encode(event.raw).decode()
    return body


def alert_json(found: TriagedAlert) -> dict[str, object]:
    """An alert, with what people decided about it."""
    state = found.state
    body: dict[str, object] = msgspec.to_builtins(found.alert)
    return {
        **body,
        "state": state.state.value,
        "reason": state.reason,
        "assignee": state.assignee,
        "revision": state.revision,
        "changed": state.changed,
        "changed_by": state.changed_by,
    }
