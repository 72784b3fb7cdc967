"""The policy as entries that a cluster's controller keeps without reading them. Pure.

An entry has a key and a value, both ASCII. A key is a JSON list that begins with what the entry is
about; a value is JSON, or empty where the key says everything. One decision is one entry, so that
only what changed travels:

    ["acl", resource type, name, pattern type, principal, host, operation, permission]
    ["quota", [[entity type, name or null], ...]]      {quota: bytes a second}
    ["scram", user, mechanism]                         {salt, iterations, stored_key, server_key}
"""

import base64
import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from broker_core.acl import Acl, Operation, PatternType, Permission, ResourceType
from broker_core.errors import CorruptMessage
from broker_core.policy.policy import Policy
from broker_core.policy.quota import Entity
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism

_ACL, _QUOTA, _SCRAM = "acl", "quota", "scram"


def differences(before: Policy, after: Policy) -> tuple[Mapping[str, str], frozenset[str]]:
    """Return what makes ``after`` of ``before``: entries to be put, and keys to be removed.

    >>> differences(Policy(), Policy(quotas={(("user", "ada"),): {"producer_byte_rate": 5.0}}))
    ({'["quota",[["user","ada"]]]': '{"producer_byte_rate":5.0}'}, frozenset())
    """
    put = {_acl_key(acl): "" for acl in after.acls - before.acls}
    gone = {_acl_key(acl) for acl in before.acls - after.acls}
    for entity, values in after.quotas.items():
        if before.quotas.get(entity) != values:
            put[_text([_QUOTA, entity])] = _text(dict(values))
    gone |= {_text([_QUOTA, each]) for each in before.quotas if each not in after.quotas}
    for who, credential in after.credentials.items():
        if before.credentials.get(who) != credential:
            put[_scram_key(*who)] = _scram_value(credential)
    gone |= {_scram_key(*each) for each in before.credentials if each not in after.credentials}
    return put, frozenset(gone)


def applied(policy: Policy, put: Mapping[str, str], gone: Iterable[str]) -> Policy:
    """Return a policy with entries put and those of ``gone`` removed.

    Kinds that no entry is about stay the same object, so that nothing is made of them anew.

    Raises:
        CorruptMessage: An entry cannot be read. It is never left out: that would let in whom it
            keeps out.
    """
    kinds: dict[str, dict[Any, Any]] = {
        _ACL: dict.fromkeys(policy.acls),
        _QUOTA: dict(policy.quotas),
        _SCRAM: dict(policy.credentials),
    }
    changed = set()
    try:
        for key in gone:
            kind, what = _read_key(key)
            kinds[kind].pop(what, None)
            changed.add(kind)
        for key, value in put.items():
            kind, what = _read_key(key)
            kinds[kind][what] = _READ_VALUE[kind](value)
            changed.add(kind)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptMessage("an entry of the policy cannot be read") from error
    return Policy(
        credentials=kinds[_SCRAM] if _SCRAM in changed else policy.credentials,
        acls=frozenset(kinds[_ACL]) if _ACL in changed else policy.acls,
        quotas=kinds[_QUOTA] if _QUOTA in changed else policy.quotas,
    )


def _acl_key(acl: Acl) -> str:
    return _text(
        [
            _ACL,
            acl.resource_type.name,
            acl.resource_name,
            acl.pattern_type.name,
            acl.principal,
            acl.host,
            acl.operation.name,
            acl.permission.name,
        ]
    )


def _scram_key(user: str, mechanism: ScramMechanism) -> str:
    return _text([_SCRAM, user, mechanism.name])


def _scram_value(credential: ScramCredential) -> str:
    return _text(
        {
            "salt": base64.b64encode(credential.salt).decode(),
            "iterations": credential.iterations,
            "stored_key": base64.b64encode(credential.stored_key).decode(),
            "server_key": base64.b64encode(credential.server_key).decode(),
        }
    )


def _read_key(key: str) -> tuple[str, Hashable]:
    kind, *parts = json.loads(key)
    return kind, _READ_KEY[kind](*parts)


def _read_acl(
    kind: str, name: str, pattern: str, principal: str, host: str, operation: str, permission: str
) -> Acl:
    return Acl(
        resource_type=ResourceType[kind],
        resource_name=name,
        pattern_type=PatternType[pattern],
        principal=principal,
        host=host,
        operation=Operation[operation],
        permission=Permission[permission],
    )


def _read_entity(parts: list[tuple[str, str | None]]) -> Entity:
    return tuple((kind, name) for kind, name in parts)


def _read_user(user: str, mechanism: str) -> tuple[str, ScramMechanism]:
    return user, ScramMechanism[mechanism]


def _read_rates(value: str) -> Mapping[str, float]:
    return {str(name): float(rate) for name, rate in json.loads(value).items()}


def _read_credential(value: str) -> ScramCredential:
    fields = json.loads(value)
    return ScramCredential(
        salt=base64.b64decode(fields["salt"]),
        iterations=int(fields["iterations"]),
        stored_key=base64.b64decode(fields["stored_key"]),
        server_key=base64.b64decode(fields["server_key"]),
    )


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


_READ_KEY: Mapping[str, Callable[..., Hashable]] = {
    _ACL: _read_acl,
    _QUOTA: _read_entity,
    _SCRAM: _read_user,
}
_READ_VALUE: Mapping[str, Callable[[str], object]] = {
    _ACL: lambda _: None,
    _QUOTA: _read_rates,
    _SCRAM: _read_credential,
}
