"""The guard over trees as the engine's parser gives them; tests/processes tries real statements."""

import pytest

from pipeline.store.embedded.errors import Refused
from pipeline.store.embedded.guard import Denied, Tree, Verdict, judge

DENIED = Denied.of_engine(["url", "numbers", "S3"], ["aiGenerate"])


def select(*columns: Tree, table: Tree | None = None, **more: object) -> Tree:
    query: Tree = {
        "type": "SelectQuery",
        "select": {"type": "ExpressionList", "children": list(columns)},
    }
    if table is not None:
        query["tables"] = {"type": "TableExpression", **table}
    children = {"type": "ExpressionList", "children": [query]}
    return {"type": "SelectWithUnionQuery", "list_of_selects": children, **more}


def function(name: str, *arguments: Tree) -> Tree:
    return {
        "type": "Function",
        "name": name,
        "arguments": {"type": "ExpressionList", "children": list(arguments)},
    }


def identifier(name: str) -> Tree:
    return {"type": "Identifier", "name": name}


TABLE: Tree = {"database_and_table_name": {"type": "TableIdentifier", "name": "events"}}


@pytest.mark.parametrize(
    "tree",
    [
        select(function("file", {"type": "Literal"})),
        select(function("FILE")),
        select(function("arrayMap", identifier("file"))),
        select({"type": "ColumnsApplyTransformer", "func_name": "file"}),
        select(function("aigenerate")),
        select(table={"table_function": function("url")}),
        select(table={"table_function": function("s3")}),
        select(function("in", identifier("a"), function("url"))),
        {"type": "ExplainQuery", "query": select(table={"table_function": function("url")})},
        {"type": "InsertQuery"},
        {"type": "CreateQuery"},
        {"type": "SetQuery"},
        {"type": "KillQueryQuery"},
    ],
)
def test_a_reader_is_refused(tree: Tree) -> None:
    with pytest.raises(Refused) as refused:
        judge("", tree, DENIED, readonly=True)

    assert refused.value.status == 403


@pytest.mark.parametrize(
    "tree",
    [
        select(identifier("url"), table=TABLE),
        select(function("lower", identifier("a")), table={"table_function": function("numbers")}),
        select({"type": "Literal", "value": {"field_type": "String", "value": "file"}}),
        {"type": "ShowTablesQuery"},
        {"type": "ExplainQuery", "query": select(table=TABLE)},
    ],
)
def test_a_reader_may_read(tree: Tree) -> None:
    judge("", tree, DENIED, readonly=True)


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE TABLE events",
        "desc `events`",
        "SHOW CREATE TABLE default.events",
        "EXISTS TABLE x;",
        "SHOW TABLES LIKE '%a%'",
    ],
)
def test_plain_statements_that_have_no_tree_are_read(sql: str) -> None:
    assert judge(sql, None, DENIED, readonly=True) == Verdict(selects=False, format=None)


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE file('x')",
        "DESCRIBE url(1)",
        "SHOW TABLES INTO OUTFILE 'x'",
        "SYSTEM SHUTDOWN",
        "BACKUP TABLE a TO Disk('x')",
        "SHOW; DROP TABLE a",
    ],
)
def test_others_without_a_tree_are_not(sql: str) -> None:
    with pytest.raises(Refused):
        judge(sql, None, DENIED, readonly=True)


def test_nobody_writes_files_or_reads_other_systems() -> None:
    engine = {"type": "Function", "name": "Kafka", "kind": "TABLE_ENGINE"}

    with pytest.raises(Refused, match="Kafka"):
        judge("", {"type": "CreateQuery", "storage": engine}, DENIED, readonly=False)
    with pytest.raises(Refused, match="OUTFILE"):
        judge("", select(out_file={"type": "Literal"}), DENIED, readonly=False)
    with pytest.raises(Refused):
        judge("ATTACH TABLE x ENGINE = Kafka", None, DENIED, readonly=False)
    judge("SYSTEM FLUSH LOGS", None, DENIED, readonly=False)


def test_the_format_clause_is_found() -> None:
    verdict = judge("", select(table=TABLE, format_ast=identifier("JSON")), DENIED, readonly=True)

    assert verdict == Verdict(selects=True, format="JSON", light=False)


@pytest.mark.parametrize(
    ("tree", "light"),
    [
        (select(function("version"), function("timezone")), True),
        (
            select(
                identifier("name"),
                table={
                    "database_and_table_name": {
                        "type": "TableIdentifier",
                        "name": "system.settings",
                    }
                },
            ),
            True,
        ),
        (select(identifier("a"), table=TABLE), False),
        (select(table={"table_function": function("numbers")}), False),
        (select(table={"subquery": select()}), False),
        (select(function("range", {"type": "Literal"})), False),
        ({"type": "ShowTablesQuery"}, False),
    ],
)
def test_only_what_reads_nothing_that_grows_is_light(tree: Tree, light: bool) -> None:
    assert judge("", tree, DENIED, readonly=False).light == light


def test_a_tree_as_deep_as_memory_allows_is_judged() -> None:
    tree = select(function("file"))
    for _ in range(100_000):
        tree = {"type": "SelectWithUnionQuery", "children": [tree]}

    with pytest.raises(Refused):
        judge("", tree, DENIED, readonly=True)
