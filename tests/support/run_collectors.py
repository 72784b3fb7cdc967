"""The collectors role as a process of its own: ``python -m tests.support.run_collectors SETTINGS``.

``SETTINGS`` is the JSON of PipelineSettings. One line of JSON on stdout, the health of every
collector with its address, says that it serves. SIGTERM drains and stops it.
"""

import asyncio
import json
import logging
import signal
import sys

import structlog
import uvloop

from pipeline.bus.admin import Admin
from pipeline.collectors.role import CollectorsRole
from pipeline.schema.topics import TOPICS
from pipeline.settings import PipelineSettings


async def serve(settings: PipelineSettings) -> None:
    """Run the role until SIGTERM."""
    await Admin(settings.bus).ensure_topics(TOPICS)
    role = CollectorsRole(settings)

    def ready() -> None:
        sys.stdout.write(json.dumps(role.health()[1]) + "\n")
        sys.stdout.flush()

    task = asyncio.ensure_future(role.run(ready=ready))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    uvloop.run(serve(PipelineSettings.model_validate_json(sys.argv[1])))
