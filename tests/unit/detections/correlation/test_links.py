from detections.correlation.definition import Correlation
from detections.correlation.links import Links, references, resolved
from tests.support.correlations import ID, correlation


def named(name: str, *rules: str, **changes: object) -> Correlation:
    id_ = f"{ID[:-4]}{ord(name[-1]):04}"
    return correlation(id_=id_, name=name, rules=list(rules), **changes)


def test_a_correlation_stands_above_those_that_it_names() -> None:
    a, b = named("a", "rule"), named("b", "a")
    c = named("c", "rule", b.id)

    links = Links([c, a, b])

    assert (links.levels[a.id], links.levels[b.id], links.levels[c.id]) == (0, 1, 2)
    assert links.depth == 3
    assert Links([]).depth == 0


def test_rules_that_are_missing_and_cycles_are_named_and_the_others_kept() -> None:
    good, bad = named("a", "rule"), named("b", "gone")
    on_bad, itself = named("c", "b"), named("d", "d")
    one, other = named("e", "f", "rule"), named("f", "e")

    kept, problems = resolved([good, bad, on_bad, itself, one, other], [("id", "rule")])

    assert kept == [good]
    assert [problem.rule_id for problem in problems] == [
        bad.id,
        on_bad.id,
        itself.id,
        one.id,
        other.id,
    ]
    assert "not loaded: gone" in problems[0].reason
    assert all("builds on itself" in problem.reason for problem in problems[1:])


def test_a_rule_is_found_by_id_and_name_and_counts_once() -> None:
    found = named("a", "the-id", "its-name")
    links = Links([found])

    assert [use.reference for use in links.uses("the-id", "its-name")] == ["the-id"]
    assert list(links.uses("other", "")) == []


def test_what_only_counts_is_silent_unless_somebody_generates() -> None:
    counts, generates = named("a", "x", "y"), named("b", "y", generate=True)
    links = Links([counts, generates])

    assert links.is_silent("x", "")
    assert not links.is_silent("y", "")
    assert not links.is_silent("z", "")


def test_fields_asked_for_at_the_top_are_carried_from_the_bottom() -> None:
    a = named("a", "rule", group_by=["host"])
    b = named("b", "a", group_by=["who"], aliases={"who": {"a": "user"}})
    c = named("c", "b", group_by=None, type="value_count", condition={"field": "ip", "gte": 2})

    carried = Links([a, b, c]).carried

    assert carried == {a.id: {"user", "ip"}, b.id: {"ip"}, c.id: frozenset()}


def test_what_a_correlation_builds_on_is_told_at_any_depth() -> None:
    a, b, c = named("a", "rule"), named("b", "a", "other"), named("c", "b")

    assert references(c, [a, b, c]) == {"b", "a", "other", "rule"}
    assert references(a, [a, b, c]) == {"rule"}
