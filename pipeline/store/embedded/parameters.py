"""The parameters of a request: what is a setting, what is bound, what is ours. Pure.

A setting reaches the engine as ``SET name = 'text'`` on the request's own connection, so names
are checked and texts quoted here. Limits can be lowered by a client, never raised, and a reader
may change only how results look.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.store.embedded.errors import BAD_ARGUMENTS, READONLY, Refused

# Not settings: the interface's own parameters. ``session_id`` is ignored on purpose: a session
# that outlives its request once kept a deduplication token and swallowed later inserts.
_OWN = frozenset(
    {
        "query",
        "database",
        "user",
        "password",
        "default_format",
        "query_id",
        "session_id",
        "session_timeout",
        "session_check",
        "session_timezone_default",
        "wait_end_of_query",
        "buffer_size",
        "compress",
        "decompress",
        "enable_http_compression",
        "http_zlib_compression_level",
        "client_protocol_version",
        "quota_key",
        "role",
        "stacktrace",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
        "add_http_cors_header",
        "http_write_exception_in_output_format",
        "log_comment",
    }
)
_READER_MAY_SET = re.compile(
    r"output_format_\w+|date_time_(?:input|output)_format|cast_string_to_dynamic_use_inference"
    r"|max_(?:result_rows|result_bytes|block_size|execution_time|memory_usage|threads|rows_to_read)"
    r"|result_overflow_mode|session_timezone|extremes|readonly|async_insert|wait_for_async_insert"
    r"|allow_experimental_(?:json|object|dynamic|variant)_type|format_\w+"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LOWER_ONLY = ("max_memory_usage", "max_execution_time", "max_threads")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request, sorted by who they are for.

    Attributes:
        own: Those of the HTTP interface.
        bound: Values for ``{name:Type}``, escaped as in TabSeparated.
        settings: Everything else.
    """

    own: Mapping[str, str]
    bound: Mapping[str, str]
    settings: Mapping[str, str]


def sort_parameters(pairs: Sequence[tuple[str, str]]) -> Parameters:
    """Sort a request's parameters; the last of two with the same name counts.

    >>> sort_parameters([("query", "SELECT 1"), ("param_x", "1"), ("max_threads", "1")]).settings
    {'max_threads': '1'}

    Raises:
        Refused: A name that no setting can have.
    """
    own: dict[str, str] = {}
    bound: dict[str, str] = {}
    settings: dict[str, str] = {}
    for name, value in pairs:
        if name in _OWN:
            own[name] = value
        elif name.startswith("param_"):
            bound[name.removeprefix("param_")] = value
        elif _NAME.fullmatch(name):
            settings[name] = value
        else:
            raise Refused(BAD_ARGUMENTS, f"{name[:128]!r} is not the name of a setting.")
    return Parameters(own, bound, settings)


def session_settings(
    wanted: Mapping[str, str], limits: Mapping[str, int], *, readonly: bool
) -> dict[str, str]:
    """What to SET for a request: our limits, and the client's wishes inside them.

    Args:
        wanted: Settings the client sent.
        limits: Ours by name. Those in bytes, seconds and threads can only be lowered.
        readonly: Whether the request may only read.

    Raises:
        Refused: A reader wants to change more than the look of its results.
    """
    settings = {name: str(value) for name, value in limits.items()}
    for name, value in wanted.items():
        if name == "readonly":
            readonly = readonly or value != "0"
            continue
        if readonly and not _READER_MAY_SET.fullmatch(name):
            raise Refused(READONLY, f"Cannot modify '{name}' setting in readonly mode.")
        settings[name] = _lower(value, limits[name]) if name in _limited(limits) else value
    if readonly:
        settings["readonly"] = "1"
    return settings


def set_statement(settings: Mapping[str, str]) -> str:
    r"""The SET statement for settings; every value as a quoted text.

    >>> set_statement({"a": "1", "b": "it's"})
    "SET a = '1', b = 'it\\'s'"
    """
    quoted = (
        f"{name} = '{value.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'"
        for name, value in settings.items()
    )
    return "SET " + ", ".join(quoted)


def _limited(limits: Mapping[str, int]) -> list[str]:
    return [name for name in _LOWER_ONLY if name in limits]


def _lower(value: str, limit: int) -> str:
    """The client's limit if it is a lower one; 0 means none and so ours."""
    try:
        wanted = float(value)
    except ValueError:
        return str(limit)
    return value if 0 < wanted < limit else str(limit)
