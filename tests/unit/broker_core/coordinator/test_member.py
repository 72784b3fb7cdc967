"""A member of a consumer group."""

from broker_core.coordinator.member import Joining, Member


def member() -> Member:
    return Member(
        member_id="m",
        instance_id=None,
        client_id="old",
        client_host="/1",
        session_ms=1,
        rebalance_ms=2,
        protocols={"range": b"1"},
        alive_until_ms=0,
    )


def test_the_group_owes_an_answer_while_a_ticket_is_held() -> None:
    one = member()
    assert not one.is_waiting

    one.joining = "ticket"
    assert one.is_waiting

    one.joining, one.syncing = None, "ticket"
    assert one.is_waiting


def test_what_a_member_says_later_replaces_what_it_said_first() -> None:
    one = member()

    one.update(
        Joining(
            member_id="m",
            instance_id=None,
            protocol_type="consumer",
            protocols={"sticky": b"2"},
            session_ms=10,
            rebalance_ms=20,
            new_member_id="",
            client_id="new",
            client_host="/2",
        )
    )

    assert (one.session_ms, one.rebalance_ms, one.client_id, one.client_host) == (
        10,
        20,
        "new",
        "/2",
    )
    assert one.protocols == {"sticky": b"2"}
