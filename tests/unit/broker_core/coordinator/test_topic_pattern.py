"""Subscriptions by regular expression."""

import pytest

from broker_core.coordinator.member_errors import InvalidRegularExpression
from broker_core.coordinator.topic_partitions import KnownTopic
from broker_core.coordinator.topic_pattern import TopicPattern

TOPICS = {
    name: KnownTopic(b"0" * 16, 1) for name in ("logs", "logs.old", "__logs", "audit", "mylogs")
}


def test_the_whole_name_matches_of_internal_topics_too() -> None:
    whole, prefix = TopicPattern("logs"), TopicPattern("logs.*|.*logs")

    assert whole.look(TOPICS, lambda _: True)
    assert prefix.look(TOPICS, lambda _: True)
    assert whole.topics == {"logs"}
    assert prefix.topics == {"logs", "logs.old", "mylogs", "__logs"}


def test_what_the_subscriber_may_not_see_does_not_match() -> None:
    pattern = TopicPattern(".*")

    pattern.look(TOPICS, lambda name: name == "audit")

    assert pattern.topics == {"audit"}


def test_topics_are_looked_at_once_and_news_is_told() -> None:
    pattern = TopicPattern("audit")

    assert pattern.look(TOPICS, lambda _: True)
    assert not pattern.look(TOPICS, lambda _: False)
    assert not pattern.look(dict(TOPICS), lambda _: True)
    assert pattern.look({}, lambda _: True)


@pytest.mark.parametrize("text", ["(", "a{1000}{1000}", "(?=a)b", "x" * 5000])
def test_what_re2_cannot_run_is_refused(text: str) -> None:
    with pytest.raises(InvalidRegularExpression):
        TopicPattern(text)
