"""Small files replaced atomically: what is known of a partition without reading its log.

A reader sees the old content or the new, never a mixture: temporary file, fsync, rename, fsync of
the directory. All of it blocks on the disk and so belongs in a thread, or before serving.

Format: FORMAT.md, "Partition checkpoint".
"""

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from broker_core.log.file_layout import CHECKPOINT, FORMAT_VERSION, TEMPORARY_SUFFIX

log = structlog.get_logger()

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


def replace_file(path: Path, content: bytes, *, private: bool = False) -> None:
    """Make ``content`` the durable content of ``path``, in one step.

    Args:
        private: Whether only the owner may read it.

    Raises:
        OSError: The old content still stands.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    if private:
        temporary.unlink(missing_ok=True)
    mode = 0o600 if private else 0o666
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the creation, renaming and removal of files in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tolerate_shortage(error: OSError, event: str, directory: Path) -> None:
    """Let a full disk, or a lack of descriptors, cost no more than a scan at the next start.

    Raises:
        OSError: It is neither, so the disk is failing.
    """
    if error.errno not in NO_SPACE + NO_DESCRIPTOR:
        raise error
    log.warning(event, partition=directory.name, error=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanEnd:
    """Where the log ended when it was closed in order.

    Attributes:
        end_offset: Offset that the next record will get.
        active_base_offset: Name of the segment that was written to.
        active_bytes: Its size.
    """

    end_offset: int
    active_base_offset: int
    active_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCheckpoint:
    """What a partition remembers beside its log.

    Attributes:
        log_start_offset: First offset that readers may see.
        recovery_point: Every record below is known to be on disk, its sealed segments with
            their indexes; recovery reads from the segment that holds it.
        clean_end: Only after an orderly close; else None.
    """

    log_start_offset: int = 0
    recovery_point: int = 0
    clean_end: CleanEnd | None = None

    def write(self, directory: Path) -> None:
        """Replace the checkpoint of the partition in ``directory``."""
        clean = self.clean_end
        content = {
            "format_version": FORMAT_VERSION,
            "log_start_offset": self.log_start_offset,
            "recovery_point": self.recovery_point,
            "clean_end": None
            if clean is None
            else {
                "end_offset": clean.end_offset,
                "active_base_offset": clean.active_base_offset,
                "active_bytes": clean.active_bytes,
            },
        }
        replace_file(directory / CHECKPOINT, json.dumps(content, indent=1).encode() + b"\n")

    @classmethod
    def read(cls, directory: Path) -> "PartitionCheckpoint | None":
        """Return the checkpoint, or None if there is none or it cannot be read."""
        try:
            content = json.loads((directory / CHECKPOINT).read_bytes())
            clean = content["clean_end"]
            return cls(
                log_start_offset=int(content["log_start_offset"]),
                recovery_point=int(content["recovery_point"]),
                clean_end=None
                if clean is None
                else CleanEnd(
                    end_offset=int(clean["end_offset"]),
                    active_base_offset=int(clean["active_base_offset"]),
                    active_bytes=int(clean["active_bytes"]),
                ),
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
