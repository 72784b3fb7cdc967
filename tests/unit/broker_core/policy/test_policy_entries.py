"""The policy as entries: what differs makes one policy of another, and nothing is left out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.acl import Acl, Operation, PatternType, Permission, ResourceType
from broker_core.errors import CorruptMessage
from broker_core.policy.policy import Policy
from broker_core.policy.policy_entries import applied, differences
from broker_core.policy.quota import CLIENT_ID, CONSUMER_BYTE_RATE, PRODUCER_BYTE_RATE, USER
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)
acls = st.builds(
    Acl,
    resource_type=st.sampled_from([ResourceType.TOPIC, ResourceType.GROUP]),
    resource_name=names,
    pattern_type=st.sampled_from([PatternType.LITERAL, PatternType.PREFIXED]),
    principal=names,
    host=names,
    operation=st.sampled_from([Operation.READ, Operation.WRITE]),
    permission=st.sampled_from([Permission.ALLOW, Permission.DENY]),
)
credentials = st.builds(
    ScramCredential,
    salt=st.binary(max_size=3),
    iterations=st.integers(4096, 4098),
    stored_key=st.binary(max_size=3),
    server_key=st.binary(max_size=3),
)
entities = st.one_of(
    st.tuples(st.tuples(st.just(USER), st.none() | names)),
    st.tuples(
        st.tuples(st.just(CLIENT_ID), st.none() | names),
        st.tuples(st.just(USER), st.none() | names),
    ),
)
rates = st.dictionaries(
    st.sampled_from([PRODUCER_BYTE_RATE, CONSUMER_BYTE_RATE]),
    st.floats(min_value=1e-3, allow_infinity=False, allow_nan=False),
    min_size=1,
)
policies = st.builds(
    Policy,
    credentials=st.dictionaries(
        st.tuples(names, st.sampled_from(list(ScramMechanism))), credentials, max_size=3
    ),
    acls=st.frozensets(acls, max_size=3),
    quotas=st.dictionaries(entities, rates, max_size=3),
)


@given(policies, policies)
def test_the_differences_make_one_policy_of_another(before: Policy, after: Policy) -> None:
    put, gone = differences(before, after)

    assert applied(before, put, gone) == after
    assert "".join((*put, *put.values(), *gone)).isascii()


@given(policies)
def test_a_policy_does_not_differ_from_itself(policy: Policy) -> None:
    put, gone = differences(policy, policy)

    assert not put
    assert not gone


def test_kinds_that_did_not_change_stay_the_same_object() -> None:
    before = Policy(acls=frozenset(), credentials={}, quotas={})
    after = replace(before, quotas={((USER, "ada"),): {PRODUCER_BYTE_RATE: 5.0}})

    changed = applied(before, *differences(before, after))

    assert changed.acls is before.acls
    assert changed.credentials is before.credentials


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ('["acl","TOPIC","logs"]', ""),
        ('["acl","PLANET","logs","LITERAL","User:ada","*","READ","ALLOW"]', ""),
        ('["quota",[["user","ada"]]]', '"much"'),
        ('["quota",[["user","ada"]]]', "5"),
        ('["scram","ada","SCRAM_SHA_256"]', "{}"),
        ('["scram","ada","SCRAM_MD5"]', "{}"),
        ('["fate"]', ""),
        ('{"acl":1}', ""),
        ('["acl"', ""),
        ("", ""),
    ],
)
def test_an_entry_that_cannot_be_read_is_never_left_out(key: str, value: str) -> None:
    with pytest.raises(CorruptMessage):
        applied(Policy(), {key: value}, ())
