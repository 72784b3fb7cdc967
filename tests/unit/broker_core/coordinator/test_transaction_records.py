"""Transactions as Kafka writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.coordinator import transaction_records
from broker_core.coordinator.transaction import ProducerIdentity, Transaction, TransactionState
from broker_core.errors import CorruptMessage

TIMES = st.integers(-1, 2**62)
PARTITIONS = st.frozensets(st.tuples(st.text(max_size=9), st.integers(0, 2**31 - 1)), max_size=5)
TRANSACTIONS = st.builds(
    Transaction,
    transactional_id=st.text(max_size=20),
    producer=st.builds(ProducerIdentity, st.integers(0, 2**62), st.integers(-1, 2**15 - 1)),
    timeout_ms=st.integers(0, 2**31 - 1),
    updated_ms=TIMES,
    state=st.sampled_from(TransactionState),
    partitions=PARTITIONS,
    started_ms=TIMES,
)


@given(transaction=TRANSACTIONS)
def test_round_trip(transaction: Transaction) -> None:
    key = transaction_records.encode_key(transaction.transactional_id)
    value = transaction_records.encode_value(transaction)

    transactional_id = transaction_records.decode_key(key)

    assert transaction_records.decode_value(transactional_id, value) == transaction


@given(transaction=TRANSACTIONS)
def test_every_cut_is_noticed(transaction: Transaction) -> None:
    key = transaction_records.encode_key(transaction.transactional_id)
    value = transaction_records.encode_value(transaction)
    for size in range(len(key)):
        with pytest.raises(CorruptMessage):
            transaction_records.decode_key(key[:size])
    for size in range(len(value)):
        with pytest.raises(CorruptMessage):
            transaction_records.decode_value("t", value[:size])


def test_every_byte_is_where_kafka_puts_it() -> None:
    transaction = Transaction(
        transactional_id="ab",
        producer=ProducerIdentity(258, 3),
        timeout_ms=4,
        updated_ms=5,
        state=TransactionState.ONGOING,
        partitions=frozenset({("t", 2), ("t", 1)}),
        started_ms=6,
    )

    assert transaction_records.encode_key("ab").hex() == "000000026162"
    assert transaction_records.encode_value(transaction).hex() == (
        "0000"
        "0000000000000102"
        "0003"
        "00000004"
        "01"
        "00000001"
        "0001"
        "74"
        "00000002"
        "00000001"
        "00000002"
        "0000000000000005"
        "0000000000000006"
    )


@given(garbage=st.binary(max_size=60))
def test_garbage_is_corrupt_and_nothing_else(garbage: bytes) -> None:
    for decode in (
        transaction_records.decode_key,
        lambda data: transaction_records.decode_value("t", data),
    ):
        try:
            decode(garbage)
        except CorruptMessage:
            continue
