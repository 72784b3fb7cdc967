"""The policy on disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from broker_core.acl import Acl, Operation, PatternType, Permission, ResourceType
from broker_core.errors import StorageError
from broker_core.log.file_layout import POLICY
from broker_core.policy import policy_file
from broker_core.policy.policy import Policy
from broker_core.policy.quota import entity
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism

CREDENTIAL = ScramCredential(salt=b"\0s", iterations=4096, stored_key=b"\xffk", server_key=b"v")
DENIAL = Acl(
    resource_type=ResourceType.TOPIC,
    resource_name="raw.",
    pattern_type=PatternType.PREFIXED,
    principal="User:CN=a,O=b",
    host="10.0.0.1",
    operation=Operation.ALL,
    permission=Permission.DENY,
)
POLICIES = [
    Policy(),
    Policy(
        quotas={
            entity("ada", default="client-id"): {"producer_byte_rate": 1.5},
            entity(default="user"): {"consumer_byte_rate": 2e9},
        }
    ),
    Policy(acls=frozenset({DENIAL, replace(DENIAL, permission=Permission.ALLOW)})),
    Policy(
        credentials={
            ("ada", ScramMechanism.SCRAM_SHA_256): CREDENTIAL,
            ("ada", ScramMechanism.SCRAM_SHA_512): CREDENTIAL,
            ('jürgen, "the" one', ScramMechanism.SCRAM_SHA_512): CREDENTIAL,
        }
    ),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_was_written_is_read(tmp_path: Path, policy: Policy) -> None:
    policy_file.write(tmp_path, policy)

    assert policy_file.read(tmp_path) == policy
    assert (tmp_path / POLICY).stat().st_mode & 0o077 == 0


def test_a_new_directory_has_none(tmp_path: Path) -> None:
    assert policy_file.read(tmp_path) == Policy()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b'{"version": 1}',
        b'{"version": 1, "scram_credentials": [{}], "acls": []}',
        b'{"version": 1, "scram_credentials": []}',
        b'{"version": 1, "scram_credentials": [], "acls": [{"resource_type": "EVERYTHING"}]}',
    ],
)
def test_a_file_that_cannot_be_read_is_never_taken_for_empty(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / POLICY).write_bytes(content)

    with pytest.raises(StorageError, match="restore it from a backup"):
        policy_file.read(tmp_path)


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / POLICY).write_bytes(b'{"version": 2, "scram_credentials": []}')

    with pytest.raises(StorageError, match="version 2"):
        policy_file.read(tmp_path)


def test_what_version_1_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / POLICY).write_text(
        """{"version": 1,
        "scram_credentials": [{"user": "ada", "mechanism": "SCRAM-SHA-512", "iterations": 4096,
          "salt": "AHM=", "stored_key": "/2s=", "server_key": "dg=="}],
        "acls": [{"resource_type": "TOPIC", "resource_name": "raw.", "pattern_type": "PREFIXED",
          "principal": "User:CN=a,O=b", "host": "10.0.0.1", "operation": "ALL",
          "permission": "DENY"}],
        "quotas": [{"entity": {"user": "ada", "client-id": null},
          "values": {"producer_byte_rate": 1.5}}]}"""
    )

    assert policy_file.read(tmp_path) == Policy(
        credentials={("ada", ScramMechanism.SCRAM_SHA_512): CREDENTIAL},
        acls=frozenset({DENIAL}),
        quotas={entity("ada", default="client-id"): {"producer_byte_rate": 1.5}},
    )
