import pytest

from pipeline.errors import QueryInvalid
from pipeline.store.search_language.lexer import LexemeKind, lexemes


@pytest.mark.parametrize(
    ("search", "kinds"),
    [
        ("a b", "text text"),
        ("a AND b OR NOT c", "text and text or not text"),
        ("user:root", "field text"),
        ("user: root", "field text"),
        ("user:-root", "field text"),
        ("a-b", "text"),
        ("-a", "not text"),
        ("!a", "not text"),
        ("(a)(b)", "open text close open text close"),
        ("code:[1 TO 2]", "field range"),
        ("[1 TO 2]", "text text text"),
        ('a"b c"d', "text text text"),
        ("user:AND", "field and"),
        ("\\", "text"),
    ],
)
def test_a_search_is_cut_into_pieces(search: str, kinds: str) -> None:
    assert " ".join(one.kind.value for one in lexemes(search)) == kinds


def test_every_piece_says_where_it_begins() -> None:
    search = '  user:("a b"  OR c*)'

    found = lexemes(search)

    assert [(one.position, one.kind) for one in found] == [
        (2, LexemeKind.FIELD),
        (7, LexemeKind.OPEN),
        (8, LexemeKind.TEXT),
        (15, LexemeKind.OR),
        (18, LexemeKind.TEXT),
        (20, LexemeKind.CLOSE),
    ]


@pytest.mark.parametrize("search", ['"a', 'a "', 'user:"a\\"', "code:[1", "code:[1 2]"])
def test_what_does_not_end_is_refused(search: str) -> None:
    with pytest.raises(QueryInvalid):
        lexemes(search)
