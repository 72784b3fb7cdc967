import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.embedded.errors import Refused
from pipeline.store.embedded.statement import InsertHead, insert_head, is_insert, is_name


@pytest.mark.parametrize(
    ("text", "target", "settings", "format_name", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", "INSERT INTO t", "", "CSV", b"1,2"),
        (b"insert into t format Native \t\r\n\x01\x02", "insert into t", "", "Native", b"\x01\x02"),
        (
            b"INSERT INTO t (`format`, b) VALUES (1, 'x')",
            "INSERT INTO t (`format`, b)",
            "",
            "Values",
            b" (1, 'x')",
        ),
        (
            b"INSERT INTO t (a) SETTINGS async_insert = 0 FORMAT JSONEachRow\n{}",
            "INSERT INTO t (a)",
            "SETTINGS async_insert = 0",
            "JSONEachRow",
            b"{}",
        ),
        (b"INSERT INTO t (a)", "INSERT INTO t (a)", "", None, b""),
        (b"INSERT INTO t FORMAT CSV\n\n", "INSERT INTO t", "", "CSV", b"\n"),
        (
            b"/* FORMAT X */ INSERT INTO `a FORMAT b` -- VALUES\n FORMAT CSV 1",
            "/* FORMAT X */ INSERT INTO `a FORMAT b` -- VALUES",
            "",
            "CSV",
            b"1",
        ),
    ],
)
def test_an_insert_ends_where_its_data_begins(
    text: bytes, target: str, settings: str, format_name: str | None, data: bytes
) -> None:
    head = insert_head(text)

    assert head is not None
    assert (head.target, head.settings, head.format) == (target, settings, format_name)
    assert text[head.data_start :] == data


@pytest.mark.parametrize(
    "text",
    [b"INSERT INTO t SELECT 1 FORMAT Null", b"INSERT INTO t (a) WITH 1 AS x SELECT x FORMAT CSV"],
)
def test_an_insert_that_selects_brings_no_data(text: bytes) -> None:
    assert insert_head(text) is None


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO FUNCTION file('x') VALUES (1)",
        b"INSERT INTO TABLE FUNCTION url('x') FORMAT CSV",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t FORMAT",
        b"INSERT INTO \xff FORMAT CSV",
    ],
)
def test_what_leaves_the_directory_or_is_no_statement_is_refused(text: bytes) -> None:
    with pytest.raises(Refused):
        insert_head(text)


@pytest.mark.parametrize(
    ("text", "insert"),
    [
        (b"INSERT INTO t", True),
        (b" \n-- INSERT\n /* x */ insert into t", True),
        (b"SELECT 1 INSERT", False),
        (b"WITH x AS (SELECT 1) INSERT INTO t SELECT 1", False),
        (b"'INSERT'", False),
        (b"", False),
    ],
)
def test_the_first_word_tells_an_insert(text: bytes, insert: bool) -> None:
    assert is_insert(text) == insert


@given(data=st.binary(max_size=100))
def test_data_is_never_read_as_statement(data: bytes) -> None:
    text = b"INSERT INTO t FORMAT RowBinary\n" + data

    head = insert_head(text)

    assert head == InsertHead("INSERT INTO t", "", "RowBinary", len(text) - len(data))


@given(text=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        head = insert_head(b"INSERT " + text)
    except Refused:
        return

    assert head is None or head.data_start <= len(text) + 7


@pytest.mark.parametrize(
    ("text", "name"), [("CSV", True), ("", False), ("a b", False), ("x'", False), ("9", False)]
)
def test_a_format_is_a_name(text: str, name: bool) -> None:
    assert is_name(text) == name
