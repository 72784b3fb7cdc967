"""How many clients are let in."""

from prometheus_client import REGISTRY

from broker_core.server.admission import Admission


def connections() -> float:
    return REGISTRY.get_sample_value("kafka_server_socketservermetrics_connections") or 0


def test_the_limits_count_all_and_those_of_one_address() -> None:
    admission = Admission(connections=3, connections_per_address=2)
    before = connections()

    assert [admission.refusal("10.0.0.1") for _ in range(3)] == [None, None, "too_many_of_address"]
    assert [admission.refusal("10.0.0.2") for _ in range(2)] == [None, "too_many"]
    assert connections() == before + 3
    admission.leave("10.0.0.1")
    assert admission.refusal("10.0.0.2") is None
    assert admission.refusal("10.0.0.1") == "too_many"
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.2"):
        admission.leave(address)
    assert connections() == before


def test_who_is_gone_leaves_nothing_behind() -> None:
    admission = Admission(connections=1, connections_per_address=1)

    for number in range(1000):
        assert admission.refusal(f"10.0.{number // 256}.{number % 256}") is None
        admission.leave(f"10.0.{number // 256}.{number % 256}")

    assert not admission._by_address
