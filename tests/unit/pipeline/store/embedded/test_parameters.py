import pytest

from pipeline.store.embedded.errors import Refused
from pipeline.store.embedded.parameters import session_settings, set_statement, sort_parameters

LIMITS = {"max_memory_usage": 1000, "max_execution_time": 30, "async_insert": 0}


def test_parameters_are_sorted_by_who_they_are_for() -> None:
    found = sort_parameters(
        [
            ("query", "SELECT {a:String}"),
            ("param_a", "1"),
            ("max_threads", "2"),
            ("session_id", "s"),
            ("log_comment", "mine"),
            ("max_threads", "3"),
        ]
    )

    assert found.own["query"] == "SELECT {a:String}"
    assert found.bound == {"a": "1"}
    assert found.settings == {"max_threads": "3"}


@pytest.mark.parametrize("name", ["a b", "a=1, readonly", "", "1a", "a" * 200, "a'"])
def test_what_cannot_be_a_setting_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        sort_parameters([(name, "1")])


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("1", "1"),
        ("0.5", "0.5"),
        ("999", "999"),
        ("1000", "1000"),
        ("1001", "1000"),
        ("0", "1000"),
        ("-1", "1000"),
        ("x", "1000"),
        ("1e99", "1000"),
        ("nan", "1000"),
    ],
)
def test_a_limit_can_only_be_lowered(wanted: str, given: str) -> None:
    settings = session_settings({"max_memory_usage": wanted}, LIMITS, readonly=False)

    assert settings["max_memory_usage"] == given


def test_a_writer_may_set_the_rest() -> None:
    settings = session_settings(
        {"insert_deduplication_token": "t", "async_insert": "1"}, LIMITS, readonly=False
    )

    assert settings["insert_deduplication_token"] == "t"
    assert settings["async_insert"] == "1"
    assert "readonly" not in settings


def test_a_reader_stays_one_and_may_change_the_look_of_results_only() -> None:
    settings = session_settings(
        {"readonly": "0", "output_format_json_quote_64bit_integers": "0"}, LIMITS, readonly=True
    )

    assert settings["readonly"] == "1"
    assert list(settings)[-1] == "readonly"
    for name in ("allow_ddl", "max_bytes_before_external_sort", "input_format_allow_seeks"):
        with pytest.raises(Refused, match=name):
            session_settings({name: "1"}, LIMITS, readonly=True)


def test_anybody_may_ask_to_read_only() -> None:
    assert session_settings({"readonly": "1"}, LIMITS, readonly=False)["readonly"] == "1"
    assert session_settings({"readonly": "2"}, LIMITS, readonly=False)["readonly"] == "1"


def test_a_value_cannot_leave_its_quotes() -> None:
    assert set_statement({"a": "x', readonly = '0"}) == r"SET a = 'x\', readonly = \'0'"
    assert set_statement({"a": "\\"}) == r"SET a = '\\'"
