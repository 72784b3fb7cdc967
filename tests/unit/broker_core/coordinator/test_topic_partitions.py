"""The fingerprint of topics changes with what an assignment depends on, with nothing else."""

from broker_core.coordinator.topic_partitions import KnownTopic, fingerprint

TOPICS = {"a": KnownTopic(b"1" * 16, 3), "b": KnownTopic(b"2" * 16, 1)}


def test_it_depends_on_the_topics_named_their_ids_and_sizes() -> None:
    before = fingerprint({"a"}, TOPICS)

    assert fingerprint({"a", "missing"}, {**TOPICS, "c": KnownTopic(b"3" * 16, 9)}) == before
    assert fingerprint({"a", "b"}, TOPICS) != before
    assert fingerprint({"a"}, {"a": KnownTopic(b"1" * 16, 4)}) != before
    assert fingerprint({"a"}, {"a": KnownTopic(b"9" * 16, 3)}) != before
    assert -(2**63) <= before < 2**63
