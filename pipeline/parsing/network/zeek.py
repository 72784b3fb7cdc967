"""Zeek's logs as JSON, one service a log (``_path``, ``@stream`` or ``log_type`` names it)."""

from pipeline.parsing.document_source import Document, DocumentSource
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value
from pipeline.schema.fields import LOGSOURCE_SERVICE

LOG_SOURCE = LogSource(product="zeek")
_PATHS = ("_path", "@stream", "log_type")


def _is_record(document: Document) -> bool:
    """A connection with a uid, or any record that names its log and has Zeek's time."""
    if "ts" not in document:
        return False
    return any(name in document for name in ("id.orig_h", "@stream", "_path")) or (
        "uid" in document and "id" in document
    )


def _refine(fields: dict[str, Value]) -> None:
    for name in _PATHS:
        if name in fields:
            fields[LOGSOURCE_SERVICE] = [str(fields[name])]
            return


SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="ts",
    recognises=_is_record,
    ecs={
        "source.ip": ("id.orig_h", "tx_hosts"),
        "source.port": ("id.orig_p",),
        "destination.ip": ("id.resp_h", "rx_hosts"),
        "destination.port": ("id.resp_p",),
        "host.name": ("@system", "_system_name"),
        "network.transport": ("proto",),
    },
    message=("_path", "@stream", "id.orig_h", "id.resp_h", "id.resp_p", "host", "uri", "query"),
    refine=_refine,
)
