"""Whether a log directory is still in service.

A failed fsync leaves it unknown what is on disk, and asking again would claim success for pages
the kernel has dropped. So the first failure takes the whole directory out of service until the
broker is started anew and has recovered it; nothing is retried.
"""

import structlog

from broker_core.errors import StorageError
from broker_core.metrics import LOG_DIRECTORY_OFFLINE

log = structlog.get_logger()


class Fault:
    """The one failure that all partitions of a directory share. For the event loop."""

    def __init__(self) -> None:
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        """Why the directory is out of service; None while it is in service."""
        return self._reason

    def check(self) -> None:
        """Do nothing while the directory is in service.

        Raises:
            StorageError: It is not.
        """
        if self._reason is not None:
            raise self.error()

    def error(self) -> StorageError:
        """Return what to raise."""
        return StorageError(f"the log directory is out of service: {self._reason}")

    def set(self, reason: str) -> None:
        """Take the directory out of service for good; the first reason stands."""
        if self._reason is None:
            self._reason = reason
            LOG_DIRECTORY_OFFLINE.set(1)
            log.error("log_directory_failed", reason=reason)
