"""Who may do what, in each of the three ways."""

import pytest

from broker_core.acl import Acl, Operation, PatternType, Permission, ResourceType
from broker_core.authorizer import ANONYMOUS, Authorizer, Principal

LOCAL = Principal(ANONYMOUS, is_local=True, host="::1")
REMOTE = Principal(ANONYMOUS, is_local=False, host="10.0.0.5")
NAMED = Principal("sinks", is_local=False, host="10.0.0.5")
TOPIC, GROUP, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.CLUSTER
READ, WRITE, DESCRIBE = Operation.READ, Operation.WRITE, Operation.DESCRIBE


def may_do_everything(authorizer: Authorizer, principal: Principal) -> bool:
    return (
        not authorizer.must_sign_in(principal)
        and authorizer.may_produce_idempotently(principal)
        and all(
            authorizer.may(principal, operation, kind, "events.log")
            for operation in Operation
            for kind in ResourceType
        )
    )


@pytest.mark.parametrize("principal", [LOCAL, REMOTE, NAMED])
def test_an_open_broker_lets_everyone_do_everything(principal: Principal) -> None:
    assert may_do_everything(Authorizer.open(), principal)


def test_who_has_signed_in_may_do_everything_on_a_restricted_broker() -> None:
    assert may_do_everything(Authorizer.restricted(), NAMED)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [("raw.syslog", True), ("raw.", True), ("raw", False), ("events.log", False)],
)
@pytest.mark.parametrize("operation", [READ, WRITE, DESCRIBE, Operation.DESCRIBE_CONFIGS])
def test_anonymous_on_loopback_may_use_raw_topics_only(
    topic: str, allowed: bool, operation: Operation
) -> None:
    assert Authorizer.restricted().may(LOCAL, operation, TOPIC, topic) is allowed


@pytest.mark.parametrize(
    ("group", "allowed"),
    [("mine", True), ("tocsin.sinks", False), ("tocsin", False), ("other", True)],
)
@pytest.mark.parametrize("operation", [READ, DESCRIBE])
def test_anonymous_on_loopback_may_use_foreign_groups_only(
    group: str, allowed: bool, operation: Operation
) -> None:
    assert Authorizer.restricted().may(LOCAL, operation, GROUP, group) is allowed


def test_anonymous_on_loopback_may_produce_but_not_administer() -> None:
    authorizer = Authorizer.restricted()

    assert not authorizer.must_sign_in(LOCAL)
    assert authorizer.may_produce_idempotently(LOCAL)
    for operation in (Operation.CREATE, Operation.DELETE, Operation.ALTER, Operation.ALTER_CONFIGS):
        assert not authorizer.may(LOCAL, operation, TOPIC, "raw.syslog")
        assert not authorizer.may(LOCAL, operation, CLUSTER)
    assert not authorizer.may(LOCAL, Operation.DELETE, GROUP, "mine")


def test_anonymous_from_elsewhere_must_sign_in_and_may_do_nothing() -> None:
    authorizer = Authorizer.restricted()

    assert authorizer.must_sign_in(REMOTE)
    assert not authorizer.may(REMOTE, READ, TOPIC, "raw.syslog")
    assert not authorizer.may(REMOTE, READ, GROUP, "mine")
    assert not authorizer.may_produce_idempotently(REMOTE)


def allowing(operation: Operation, name: str = "events.log", **changes: object) -> Acl:
    fields = {
        "resource_type": TOPIC,
        "resource_name": name,
        "pattern_type": PatternType.LITERAL,
        "principal": "User:sinks",
        "host": "*",
        "operation": operation,
        "permission": Permission.ALLOW,
    }
    return Acl(**{**fields, **changes})  # type: ignore[arg-type]


def test_with_lists_nobody_may_do_anything_until_an_entry_says_so() -> None:
    acls: frozenset[Acl] = frozenset()
    authorizer = Authorizer.by_acls(["admin"], lambda: acls)

    assert authorizer.uses_acls
    assert not authorizer.may(NAMED, READ, TOPIC, "events.log")
    assert not authorizer.may(LOCAL, READ, TOPIC, "raw.syslog")
    assert may_do_everything(authorizer, Principal("admin", is_local=False, host="10.0.0.5"))
    acls = frozenset({allowing(READ)})
    assert authorizer.may(NAMED, READ, TOPIC, "events.log")
    assert authorizer.may(NAMED, DESCRIBE, TOPIC, "events.log")
    assert not authorizer.may(NAMED, WRITE, TOPIC, "events.log")
    acls |= {allowing(READ, permission=Permission.DENY, host="10.0.0.5")}
    assert not authorizer.may(NAMED, READ, TOPIC, "events.log")


def test_what_no_entry_is_about_is_open_where_that_is_wanted() -> None:
    acls = frozenset({allowing(READ, "secret")})
    authorizer = Authorizer.by_acls([], lambda: acls, open_without_acl=True)

    assert authorizer.may(LOCAL, WRITE, TOPIC, "other")
    assert authorizer.may(LOCAL, Operation.ALTER, CLUSTER)
    assert authorizer.may_produce_idempotently(LOCAL)
    assert not authorizer.may(LOCAL, READ, TOPIC, "secret")
    assert not authorizer.may(LOCAL, WRITE, TOPIC, "secret")


def test_nobody_becomes_super_by_not_signing_in() -> None:
    authorizer = Authorizer.by_acls([ANONYMOUS], frozenset)

    assert not authorizer.may(LOCAL, READ, TOPIC, "raw.syslog")


def test_a_producer_id_is_for_whoever_may_write_to_something() -> None:
    def may(*acls: Acl) -> bool:
        entries = frozenset(acls)
        return Authorizer.by_acls([], lambda: entries).may_produce_idempotently(NAMED)

    assert not may()
    assert not may(allowing(READ))
    assert may(allowing(WRITE))
    assert may(allowing(WRITE, "raw.", pattern_type=PatternType.PREFIXED))
    assert not may(allowing(WRITE), allowing(WRITE, "*", permission=Permission.DENY))
    assert may(
        allowing(Operation.IDEMPOTENT_WRITE, "kafka-cluster", resource_type=ResourceType.CLUSTER)
    )
