"""What a node remembers of itself and its cluster (``node.json``), and its high watermarks.

A directory that was not closed in order before the machine was started anew may lack the end of
what it acknowledged: what was in the system's memory is gone. Then the node says so when it
registers (KIP-966). The new start of the machine is noted only once it has been heard.

Format: FORMAT.md, "Node" and "High watermarks". Blocks; for a thread.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from broker_core.errors import StorageError
from broker_core.log.checkpoint import replace_file
from broker_core.log.file_layout import FORMAT_VERSION, HIGH_WATERMARKS, NODE

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFile:
    """Who a data directory belongs to.

    Attributes:
        directory_id: Made once.
        cluster_id: Empty until the node has been in a cluster.
        boot_id: The start of the machine in which what it holds was last known to be whole.
    """

    directory_id: UUID
    cluster_id: str = ""
    boot_id: str = ""

    def write(self, directory: Path) -> None:
        """Replace the file.

        Raises:
            StorageError: The old content still stands.
        """
        content = {
            "format_version": FORMAT_VERSION,
            "directory_id": str(self.directory_id),
            "cluster_id": self.cluster_id,
            "boot_id": self.boot_id,
        }
        try:
            replace_file(directory / NODE, json.dumps(content, indent=1).encode() + b"\n")
        except OSError as error:
            raise StorageError(f"cannot write {directory / NODE}: {error}") from error


def read_node_file(directory: Path) -> NodeFile:
    """Return what the file says; it is made in a new directory.

    Raises:
        StorageError: It cannot be read or made.
    """
    path = directory / NODE
    try:
        content = json.loads(path.read_bytes())
        return NodeFile(
            directory_id=UUID(content["directory_id"]),
            cluster_id=str(content["cluster_id"]),
            boot_id=str(content["boot_id"]),
        )
    except FileNotFoundError:
        made = NodeFile(directory_id=uuid4())
        made.write(directory)
        return made
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} cannot be read; restore it from a backup") from error


def current_boot_id() -> str:
    """Return the id of this start of the machine, empty where the system tells none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def may_lack_records(node: NodeFile, *, was_clean: bool, boot_id: str) -> bool:
    """Whether the machine went down with what was acknowledged in memory alone."""
    return not was_clean and (not boot_id or node.boot_id != boot_id)


def write_high_watermarks(directory: Path, high_watermarks: Mapping[str, int]) -> None:
    """Replace the note of how far each partition, by its directory's name, is committed.

    Raises:
        OSError: The old content still stands.
    """
    content = {"format_version": FORMAT_VERSION, "high_watermarks": dict(high_watermarks)}
    replace_file(directory / HIGH_WATERMARKS, json.dumps(content).encode() + b"\n")


def read_high_watermarks(directory: Path) -> Mapping[str, int]:
    """Return that note; nothing if there is none, or it cannot be read: it is found out again."""
    try:
        content = json.loads((directory / HIGH_WATERMARKS).read_bytes())
        return {str(name): int(offset) for name, offset in content["high_watermarks"].items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}
