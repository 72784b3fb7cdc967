"""structlog, set up once per process: JSON lines to stdout, pretty on a terminal.

A log line is an event with a fixed name and fields; what happens per record is a metric. A line
that cannot be written, because the disk of its file is full, is lost and counted: no role fails
because it had something to say.
"""

import logging
import sys
from pathlib import Path
from typing import TextIO, cast

import structlog

from appliance.metrics import LOG_LINES_LOST


def configure_logs(role: str, *, file: Path | None = None) -> None:
    """Send every log line of this process to stdout, with the role's name on it.

    Args:
        role: The value of every line's ``role``.
        file: Appended to instead of stdout; for the supervisor, whose stdout is a person's.
    """
    stream = sys.stdout if file is None else file.open("a", buffering=1)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _renderer(stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, Lines(stream))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


class Lines:
    """Writes lines to a stream; one that is refused is counted, and nobody else hears of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """Write one line, at once."""
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError:
            LOG_LINES_LOST.inc()

    def flush(self) -> None:
        """Nothing waits."""


def _renderer(stream: TextIO) -> structlog.types.Processor:
    """Colours for a person, JSON for everything else."""
    if stream.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer()


class _Forward(logging.Handler):
    """Hands what libraries log to structlog, so that a process speaks one format."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a library's record under one event name, its text as a field."""
        structlog.get_logger().log(
            record.levelno,
            "library_logged",
            library=record.name,
            text=record.getMessage(),
            exc_info=record.exc_info,
        )
