"""Which index a search goes to; that it finds the right events is a property."""

import re

import pytest

from pipeline.store.search_language import parse, where


@pytest.mark.parametrize(
    ("search", "sql"),
    [
        ("failed", "hasAllTokens(text, {q0:Array(String)})"),
        (
            '"failed password"',
            "(hasAllTokens(text, {q0:Array(String)})"
            " AND positionCaseInsensitive(text, {q1:String}) > 0)",
        ),
        (
            "fail*",
            "(text ILIKE {q0:String} AND arrayExists(word -> word LIKE {q1:String},"
            " tokens(lower(text), 'splitByNonAlpha')))",
        ),
        (
            "message:failed",
            "(hasAllTokens(text, {q0:Array(String)})"
            " AND hasAll(tokens(lower(message), 'splitByNonAlpha'), {q0:Array(String)}))",
        ),
        (
            "user:root",
            "(lower(user) = {q0:String} OR (mapContains(lists, {q1:String})"
            " AND arrayExists(one -> lower(one) = {q0:String}, lists[{q1:String}])))",
        ),
        ("source:x", "(lower(source) = {q0:String})"),
        ("-source:x", "(NOT (lower(source) = {q0:String}))"),
        ("service:ssh", "arrayExists(one -> lower(one) = {q0:String}, service)"),
        ("id:00000000-0000-0000-0000-000000000007", "(id = toUUID({q0:String}))"),
        ("", "(1 = 1)"),
    ],
)
def test_a_search_goes_to_its_index(search: str, sql: str) -> None:
    assert where(parse(search)).sql == sql


@pytest.mark.parametrize(
    "search",
    [
        "x';DROP TABLE events",
        'user:"\' OR 1=1 --"',
        "a'b:x",
        'o\\\'x:"{q0:String}"',
        "odd.name@x:(a* b? '\\))",
        'code:[1 TO 2] src:10.0.0.0/8 "%s"',
    ],
)
def test_nothing_that_is_typed_stands_in_the_sql(search: str) -> None:
    condition = where(parse(search))

    bare = re.sub(r"\{q\d+:[\w()]+\}", "", condition.sql)
    assert not re.search(r"DROP|--|%|'(?!splitByNonAlpha')\w", bare)
    placeholders = set(re.findall(r"\{(q\d+):", condition.sql))
    assert placeholders == set(condition.parameters)
