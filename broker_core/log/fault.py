"""Whether a log directory is still in service.

A failed fsync leaves it unknown what is on disk, and asking again would claim success for pages
the kernel has dropped. So the first failure takes the whole directory out of service until the
broker is started anew and has recovered it; nothing is retried. A lack of space is something else:
what cannot be written is refused, reading goes on, and writing does when there is space again.
"""

from contextlib import suppress

import structlog

from broker_core.errors import StorageError
from broker_core.log.checkpoint import NO_SPACE
from broker_core.metrics import LOG_DIRECTORY_OFFLINE, LOG_READ_ONLY

log = structlog.get_logger()

DISK_FULL = "disk_full"
DISK_BUDGET = "disk_budget"


class Fault:
    """The one failure that all partitions of a directory share. For the event loop."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._shortages: dict[str, str] = {}

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

    @property
    def shortage(self) -> str | None:
        """Why nothing can be written for now, though reading goes on; None if it can."""
        return "; ".join(self._shortages.values()) or None

    def set_shortage(self, kind: str, reason: str | None) -> None:
        """Say that space is short, or (None) that it is not any more.

        Args:
            kind: :data:`DISK_BUDGET` or :data:`DISK_FULL`; each comes and goes for itself.
        """
        known = self._shortages.get(kind)
        if reason is None:
            if known is not None:
                del self._shortages[kind]
                LOG_READ_ONLY.labels(kind).set(0)
                log.info("log_directory_writable_again", kind=kind)
            return
        self._shortages[kind] = reason
        if known is None:
            LOG_READ_ONLY.labels(kind).set(1)
            with suppress(OSError):  # the lines may lie on the same disk
                log.error("log_directory_read_only", kind=kind, reason=reason)

    def check_budget(self) -> None:
        """Do nothing while producers may write as far as the disk budget goes.

        Raises:
            StorageError: They may not, until space has been made.
        """
        reason = self._shortages.get(DISK_BUDGET)
        if reason is not None:
            raise StorageError(f"nothing is taken for now: {reason}")

    def set(self, reason: str) -> None:
        """Take the directory out of service for good; the first reason stands."""
        if self._reason is None:
            self._reason = reason
            LOG_DIRECTORY_OFFLINE.set(1)
            log.error("log_directory_failed", reason=reason)


def note_shortage(fault: Fault, error: StorageError) -> None:
    """Take note that something was refused, if that was for lack of space."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in NO_SPACE:
        fault.set_shortage(DISK_FULL, f"the disk is full: {cause.strerror}")
