from prometheus_client import REGISTRY

from pipeline.collectors.collector import Life


def serving(collector: str) -> float | None:
    return REGISTRY.get_sample_value("tocsin_collector_serving", {"collector": collector})


def test_a_collector_serves_until_it_drains_and_is_stopped_after_that() -> None:
    life = Life("test_life")
    states = [life.state]

    life.serve(host="127.0.0.1", port=5514)
    assert serving("test_life") == 1.0
    states.append(life.state)
    life.drain()
    assert serving("test_life") == 0.0
    states.append(life.state)
    life.stop()

    assert [*states, life.state] == ["starting", "serving", "draining", "stopped"]
