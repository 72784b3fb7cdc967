"""OpenCanary: somebody touched a decoy. The ``logtype`` number says how."""

from pipeline.parsing.document_source import DocumentSource, has
from pipeline.parsing.log_source import LogSource

LOG_SOURCE = LogSource(product="opencanary", category="application")

SOURCE = DocumentSource(
    log_source=LOG_SOURCE,
    name="logtype",
    recognises=has("node_id"),
    ecs={
        "user.name": ("logdata.USERNAME",),
        "source.ip": ("src_host",),
        "source.port": ("src_port",),
        "destination.ip": ("dst_host",),
        "destination.port": ("dst_port",),
        "host.name": ("node_id",),
        "event.code": ("logtype",),
    },
    message=("node_id", "logtype", "src_host", "dst_port"),
)
