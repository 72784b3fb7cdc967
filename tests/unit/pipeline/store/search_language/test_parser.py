from ipaddress import ip_network
from uuid import UUID

import pytest

from pipeline.errors import QueryInvalid
from pipeline.store.search_language.parser import MAX_CHARACTERS, parse
from pipeline.store.search_language.tree import (
    And,
    Compares,
    Comparison,
    Equals,
    Everything,
    Exists,
    InNetwork,
    Matches,
    Node,
    Not,
    Or,
    Pattern,
    Text,
    TextPattern,
    Wild,
)

A, B, C = Text("a"), Text("b"), Text("c")


@pytest.mark.parametrize(
    ("search", "tree"),
    [
        ("", Everything()),
        ("  \n ", Everything()),
        ("a", A),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("NOT a", Not(A)),
        ("-a b", And((Not(A), B))),
        ("-(a b)", Not(And((A, B)))),
        ("NOT NOT a", Not(Not(A))),
        ("and or not", And((Text("and"), Text("or"), Text("not")))),
        ('"failed password"', Text("failed password")),
        ('"say \\"hi\\""', Text('say "hi"')),
        ("10.0.0.7", Text("10.0.0.7")),
        ("fail*", TextPattern(Pattern(("fail", Wild.ANY)))),
        ("*", Everything()),
        ("user:root", Equals("user.name", "root")),
        ("user.name=root", Equals("user.name", "root")),
        ("user!=root", Not(Equals("user.name", "root"))),
        ('user:"a b*"', Equals("user.name", "a b*")),
        ("user:adm*", Matches("user.name", Pattern(("adm", Wild.ANY)))),
        ("user:A?M", Matches("user.name", Pattern(("a", Wild.ONE, "m")))),
        ("user:*", Exists("user.name")),
        ("user:(root OR admin)", Or((Equals("user.name", "root"), Equals("user.name", "admin")))),
        ("user:(root admin)", Or((Equals("user.name", "root"), Equals("user.name", "admin")))),
        ("user:(root)", Equals("user.name", "root")),
        ("sc-status>=500", Compares("sc-status", Comparison.GREATER_OR_EQUAL, 500.0)),
        ("sc-status:<-1.5", Compares("sc-status", Comparison.LESS, -1.5)),
        (
            "code:[400 TO 499]",
            And(
                (
                    Compares("code", Comparison.GREATER_OR_EQUAL, 400.0),
                    Compares("code", Comparison.LESS_OR_EQUAL, 499.0),
                )
            ),
        ),
        ("code:[400 TO *]", And((Compares("code", Comparison.GREATER_OR_EQUAL, 400.0),))),
        ("code:[* TO *]", Exists("code")),
        ("source.ip:10.0.0.0/8", InNetwork("source.ip", ip_network("10.0.0.0/8"))),
        ("source.ip:10.0.0.7/8", InNetwork("source.ip", ip_network("10.0.0.0/8"))),
        ("source.ip:10.0.0.0/99", Equals("source.ip", "10.0.0.0/99")),
        ('source.ip:"10.0.0.0/8"', Equals("source.ip", "10.0.0.0/8")),
        ("message:failed", Text("failed", "message")),
        ("raw:fail*", TextPattern(Pattern(("fail", Wild.ANY)), "raw")),
        ("id:" + str(UUID(int=7)), Equals("id", str(UUID(int=7)))),
        ("http://x/a", Text("http://x/a")),
        ("fe80::1", Text("fe80::1")),
        ("12:30:05", Text("12:30:05")),
        (r"Image:C:\Windows\*", Equals("Image", "C:\\Windows*")),
        (r"Image:C:\\Windows\\*", Matches("Image", Pattern(("c:\\windows\\", Wild.ANY)))),
        (r"Image:*\cmd.exe", Matches("Image", Pattern((Wild.ANY, "\\cmd.exe")))),
        (r"Image:C:\Program\ Files", Equals("Image", "C:\\Program Files")),
        (r"a\:b", Text("a:b")),
    ],
)
def test_a_search_is_read(search: str, tree: Node) -> None:
    assert parse(search) == tree


@pytest.mark.parametrize(
    ("search", "position", "sentence"),
    [
        ('"open', 0, "quote is not closed"),
        ("(a", 2, "closing bracket is missing"),
        ("a)", 1, "closes nothing"),
        ("a OR", 4, "missing at the end"),
        ("OR a", 0, "missing before 'OR'"),
        ("NOT", 3, "missing at the end"),
        ("()", 1, "missing before"),
        ("user:", 5, "user:* finds"),
        ("user:)", 5, "value for user is missing"),
        ("user:()", 5, "between the brackets"),
        ("user:(a AND b)", 8, "only values and OR"),
        ('user:""', 5, "empty value"),
        ("sc-status>=many", 11, "'many' is not a number"),
        ("sc-status>", 10, "number is missing"),
        ("code:[400 499]", 5, "range looks like"),
        ("code:[a TO b]", 5, "'a' is not a number"),
        ("***?", 0, "4 letters"),
        ("ab*", 0, "4 letters"),
        ("fail.*", 0, "letters A to Z"),
        ("->", 1, "no letter or digit"),
        ("a - b", 2, "no letter or digit"),
        ("id:7", 3, "not an event's id"),
        ("id:0000*", 3, "as a whole"),
        ("a" * (MAX_CHARACTERS + 1), MAX_CHARACTERS, "at most 4096 characters"),
        ("(" * 40, 31, "deep at most"),
        ("-" * 100 + "a", 31, "deep at most"),
        ("a " * 101, 200, "at most 100 terms"),
        ('"' + "a " * 61 + '"', 0, "at most 60 words"),
    ],
)
def test_what_cannot_be_read_is_explained_where_it_stands(
    search: str, position: int, sentence: str
) -> None:
    with pytest.raises(QueryInvalid) as invalid:
        parse(search)

    assert sentence in str(invalid.value)
    assert invalid.value.position == position
