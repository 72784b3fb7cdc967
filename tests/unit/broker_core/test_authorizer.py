"""Who may do what."""

import pytest

from broker_core.authorizer import ANONYMOUS, Authorizer, Principal

LOCAL = Principal(ANONYMOUS, is_local=True)
REMOTE = Principal(ANONYMOUS, is_local=False)
NAMED = Principal("sinks", is_local=False)


@pytest.mark.parametrize("principal", [LOCAL, REMOTE, NAMED])
def test_open_lets_everyone_do_everything(principal: Principal) -> None:
    authorizer = Authorizer(restricted=False)

    assert not authorizer.must_sign_in(principal)
    assert authorizer.may_use_topic(principal, "events.log")
    assert authorizer.may_use_group(principal, "tocsin.sinks")
    assert authorizer.may_produce_idempotently(principal)
    assert authorizer.may_administer(principal)


def test_a_named_principal_may_do_everything() -> None:
    authorizer = Authorizer(restricted=True)

    assert not authorizer.must_sign_in(NAMED)
    assert authorizer.may_use_topic(NAMED, "events.log")
    assert authorizer.may_use_group(NAMED, "tocsin.sinks")
    assert authorizer.may_produce_idempotently(NAMED)
    assert authorizer.may_administer(NAMED)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [("raw.syslog", True), ("raw.", True), ("raw", False), ("events.log", False), ("", False)],
)
def test_anonymous_on_loopback_may_use_raw_topics_only(topic: str, allowed: bool) -> None:
    assert Authorizer(restricted=True).may_use_topic(LOCAL, topic) is allowed


@pytest.mark.parametrize(
    ("group", "allowed"), [("mine", True), ("tocsin.sinks", False), ("tocsin", False)]
)
def test_anonymous_on_loopback_may_not_use_our_groups(group: str, allowed: bool) -> None:
    assert Authorizer(restricted=True).may_use_group(LOCAL, group) is allowed


def test_anonymous_on_loopback_may_produce_but_not_administer() -> None:
    authorizer = Authorizer(restricted=True)

    assert not authorizer.must_sign_in(LOCAL)
    assert authorizer.may_produce_idempotently(LOCAL)
    assert not authorizer.may_administer(LOCAL)


def test_anonymous_from_elsewhere_must_sign_in_and_may_do_nothing() -> None:
    authorizer = Authorizer(restricted=True)

    assert authorizer.must_sign_in(REMOTE)
    assert not authorizer.may_use_topic(REMOTE, "raw.syslog")
    assert not authorizer.may_use_group(REMOTE, "mine")
    assert not authorizer.may_produce_idempotently(REMOTE)
    assert not authorizer.may_administer(REMOTE)
