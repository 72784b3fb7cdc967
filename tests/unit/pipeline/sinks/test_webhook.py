import pytest

from pipeline.schema.control import WebhookDestination
from pipeline.sinks.webhook import wants


def destination(minimum_level: str, *, enabled: bool = True) -> WebhookDestination:
    return WebhookDestination(
        id="soc",
        revision=1,
        url="http://127.0.0.1",
        secret="s",
        minimum_level=minimum_level,
        enabled=enabled,
    )


@pytest.mark.parametrize(
    ("level", "wanted"),
    [("informational", False), ("low", False), ("medium", True), ("critical", True)],
)
def test_alerts_below_the_minimum_are_not_wanted(level: str, wanted: bool) -> None:
    assert wants(destination("medium"), level) is wanted


def test_a_disabled_destination_wants_nothing() -> None:
    assert not wants(destination("low", enabled=False), "critical")


def test_a_level_nobody_knows_is_rather_told_than_kept() -> None:
    assert wants(destination("critical"), "apocalyptic")
    assert wants(destination("apocalyptic"), "informational")
