"""The policy on disk (``policy.json``), readable by the broker's own account only.

Format: FORMAT.md, "Policy". Blocks; for a thread, or before serving.
"""

import base64
import json
from pathlib import Path
from typing import Any

from broker_core.acl import Acl, Operation, PatternType, Permission, ResourceType
from broker_core.errors import StorageError
from broker_core.log.checkpoint import replace_file
from broker_core.log.file_layout import POLICY
from broker_core.policy.policy import Policy
from broker_core.policy.quota import Entity
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism

VERSION = 1


def write(directory: Path, policy: Policy) -> None:
    """Replace the policy.

    Raises:
        OSError: The old one still stands.
    """
    content = {
        "version": VERSION,
        "scram_credentials": [
            {
                "user": user,
                "mechanism": mechanism.sasl_name,
                "iterations": credential.iterations,
                "salt": _text(credential.salt),
                "stored_key": _text(credential.stored_key),
                "server_key": _text(credential.server_key),
            }
            for (user, mechanism), credential in policy.credentials.items()
        ],
        "acls": [
            {
                "resource_type": acl.resource_type.name,
                "resource_name": acl.resource_name,
                "pattern_type": acl.pattern_type.name,
                "principal": acl.principal,
                "host": acl.host,
                "operation": acl.operation.name,
                "permission": acl.permission.name,
            }
            for acl in sorted(policy.acls)
        ],
        "quotas": [
            {"entity": dict(who), "values": dict(values)} for who, values in policy.quotas.items()
        ],
    }
    replace_file(directory / POLICY, json.dumps(content, indent=1).encode() + b"\n", private=True)


def read(directory: Path) -> Policy:
    """Return what was decided; nothing in a new directory.

    Raises:
        StorageError: The file cannot be read. It is never taken for empty: that would let in whom
            it keeps out.
    """
    path = directory / POLICY
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != VERSION:
            raise StorageError(f"{path} has version {content['version']}, {VERSION} is known")
        return Policy(
            credentials=dict(map(_credential, content["scram_credentials"])),
            acls=frozenset(map(_acl, content["acls"])),
            quotas=dict(map(_quota, content["quotas"])),
        )
    except FileNotFoundError:
        return Policy()
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} cannot be read; restore it from a backup") from error


def _credential(fields: dict[str, Any]) -> tuple[tuple[str, ScramMechanism], ScramCredential]:
    mechanism = ScramMechanism[fields["mechanism"].replace("-", "_")]
    return (str(fields["user"]), mechanism), ScramCredential(
        salt=base64.b64decode(fields["salt"]),
        iterations=int(fields["iterations"]),
        stored_key=base64.b64decode(fields["stored_key"]),
        server_key=base64.b64decode(fields["server_key"]),
    )


def _acl(fields: dict[str, Any]) -> Acl:
    return Acl(
        resource_type=ResourceType[fields["resource_type"]],
        resource_name=str(fields["resource_name"]),
        pattern_type=PatternType[fields["pattern_type"]],
        principal=str(fields["principal"]),
        host=str(fields["host"]),
        operation=Operation[fields["operation"]],
        permission=Permission[fields["permission"]],
    )


def _quota(fields: dict[str, Any]) -> tuple[Entity, dict[str, float]]:
    values = {str(key): float(value) for key, value in fields["values"].items()}
    return tuple(sorted(fields["entity"].items())), values


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
