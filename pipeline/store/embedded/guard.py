"""What a statement may do, judged on the tree that the engine's own parser makes of it. Pure.

``readonly=1`` alone does not keep a reader in: in ClickHouse 26.9 it lets through
``INTO OUTFILE``, the scalar function ``file()`` (also as ``APPLY(file)`` and
``arrayMap(file, …)``), ``DESCRIBE url(…)`` and ``KILL QUERY``. So a reader's statement must
parse to a kind that only reads, and no name in it may be one of ``Denied``. Statements that
``parseQueryToJSON`` cannot show (SHOW CREATE, DESCRIBE, EXISTS) must be a plain list of names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.store.embedded.errors import FUNCTION_NOT_ALLOWED, READONLY, Refused

_READING = frozenset(
    {
        "SelectWithUnionQuery",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "ExplainQuery",
        "ShowTablesQuery",
        "ShowColumnsQuery",
        "ShowIndexesQuery",
        "ShowFunctionsQuery",
        "ShowSettingsQuery",
        "ShowEngineQuery",
    }
)
_PLAIN_READING = re.compile(r"\s*(?:DESC|DESCRIBE|SHOW|EXISTS)\s[\w\s.`\"'=%]*;?\s*", re.I | re.A)
_OUTFILE = re.compile(r"\boutfile\b", re.I)

# Scalar functions that reach files, other machines, time or other people's statements.
_DENIED_FUNCTIONS = frozenset(
    {
        "file",
        "catboostevaluate",
        "sleep",
        "sleepeachrow",
        "showcertificate",
        "logtrace",
        "getclienthttpheader",
        "addresstoline",
        "addresstolinewithinlines",
        "fuzzquery",
    }
)
_ALLOWED_TABLE_FUNCTIONS = frozenset(
    {
        "numbers",
        "numbers_mt",
        "zeros",
        "zeros_mt",
        "values",
        "format",
        "view",
        "null",
        "merge",
        "generaterandom",
        "generateseries",
        "generate_series",
        "primes",
    }
)
# Engines that read other systems: Kafka's leaves a directory that does not open again.
_DENIED_ENGINES = frozenset({"kafka", "rabbitmq", "nats", "s3queue", "azurequeue", "filelog"})
_ENGINE_TEXT = re.compile(rf"\bengine\s*=?\s*[`\"]?({'|'.join(_DENIED_ENGINES)})\b", re.I)

# What clients ask when they connect, so that they can while every query's place is taken.
_LIGHT_TABLES = frozenset({"system.settings", "system.one", "system.server_settings"})
_LIGHT_FUNCTIONS = frozenset(
    {"version", "timezone", "currentuser", "currentdatabase", "equals", "in", "and", "tuple", "now"}
)

Tree = dict[str, object]


@dataclass(frozen=True, slots=True)
class Denied:
    """Names that a reader may not say, in lower case.

    Attributes:
        functions: Refused wherever they stand, because functions can be passed by name.
        table_functions: Refused where a table or a function stands.
    """

    functions: frozenset[str]
    table_functions: frozenset[str]

    @classmethod
    def of_engine(cls, table_functions: list[str], network_functions: list[str]) -> "Denied":
        """Everything the engine has, except what is known to be harmless.

        Args:
            table_functions: The names in ``system.table_functions``.
            network_functions: Scalar functions that call other machines.
        """
        denied = {name.lower() for name in table_functions} - _ALLOWED_TABLE_FUNCTIONS
        network = {name.lower() for name in network_functions}
        return cls(functions=_DENIED_FUNCTIONS | network, table_functions=frozenset(denied))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of an allowed statement.

    Attributes:
        selects: Its result may be taken in chunks.
        format: What its FORMAT clause names; None without one.
        light: It reads no table, or only what clients ask when they connect.
    """

    selects: bool
    format: str | None
    light: bool = False


def judge(sql: str, tree: Tree | None, denied: Denied, *, readonly: bool) -> Verdict:
    """Allow a statement or refuse it.

    Args:
        sql: As it was sent.
        tree: As the engine's parser reads it; None if it is of a kind that cannot be shown.
        denied: What readers may not say.
        readonly: Whether it comes from a reader.

    Raises:
        Refused: With the reason.
    """
    if tree is None:
        if readonly and not _PLAIN_READING.fullmatch(sql):
            raise Refused(READONLY, "Cannot execute query in readonly mode.")
        if _ENGINE_TEXT.search(sql) or _OUTFILE.search(sql):
            raise Refused(FUNCTION_NOT_ALLOWED, "this engine or INTO OUTFILE is not allowed here.")
        return Verdict(selects=False, format=None)
    if readonly and tree.get("type") not in _READING:
        raise Refused(READONLY, "Cannot execute query in readonly mode.")
    for node in _nodes(tree):
        _check(node, denied, readonly=readonly)
    named = tree.get("format_ast")
    format_name = named.get("name") if isinstance(named, dict) else None
    return Verdict(
        selects=tree.get("type") == "SelectWithUnionQuery",
        format=format_name if isinstance(format_name, str) else None,
        light=tree.get("type") == "SelectWithUnionQuery" and all(map(_is_light, _nodes(tree))),
    )


def _is_light(node: Tree) -> bool:
    """Whether a part of a SELECT reads nothing that grows."""
    kind = node.get("type")
    if kind == "TableExpression":
        return "database_and_table_name" in node
    if kind == "TableIdentifier":
        return node.get("name") in _LIGHT_TABLES
    return kind != "Function" or str(node.get("name")).lower() in _LIGHT_FUNCTIONS


def _check(node: Tree, denied: Denied, *, readonly: bool) -> None:
    if "out_file" in node:
        raise Refused(FUNCTION_NOT_ALLOWED, "INTO OUTFILE is not allowed here.")
    if str(node.get("kind", "")).endswith("_ENGINE"):
        engine = str(node.get("name", ""))
        if engine.lower() in _DENIED_ENGINES:
            raise Refused(FUNCTION_NOT_ALLOWED, f"table engine {engine} is not allowed here.")
    if not readonly:
        return
    for key in ("name", "func_name"):
        name = str(node.get(key, ""))
        lowered = name.lower()
        function = node.get("type") != "Identifier"
        if lowered in denied.functions or (function and lowered in denied.table_functions):
            raise Refused(FUNCTION_NOT_ALLOWED, f"{name} is not allowed for readers.")


def _nodes(tree: Tree) -> Iterator[Tree]:
    """Every object of the tree; by a stack, so that depth costs memory and not recursion."""
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
