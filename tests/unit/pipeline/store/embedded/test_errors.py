import pytest

from pipeline.store.embedded.errors import _NAMES, EngineError, Refused


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        ("Code: 60. DB::Exception: No such table. (UNKNOWN_TABLE)", 60, "Code: 60."),
        (
            "Streaming query failed: Code: 394. DB::Exception: Query was cancelled.",
            394,
            "Code: 394.",
        ),
        ("something else", 1002, "something else"),
        ("", 1002, "the engine gave no reason"),
    ],
)
def test_what_chdb_raises_is_read_back(raised: str, code: int, text: str) -> None:
    error = EngineError.from_engine(RuntimeError(raised))

    assert error.code == code
    assert error.text.startswith(text)


@pytest.mark.parametrize(
    ("code", "status"), [(60, 404), (62, 400), (159, 408), (194, 401), (243, 507), (395, 500)]
)
def test_the_status_is_the_one_clickhouse_gives(code: int, status: int) -> None:
    assert EngineError(code, "text").status == status


@pytest.mark.parametrize("code", _NAMES)
def test_what_we_refuse_has_a_name_and_a_status_of_its_own(code: int) -> None:
    error = Refused(code, "because.")

    assert error.text == f"Code: {code}. DB::Exception: because. ({_NAMES[code]})"
    assert 400 <= error.status < 600
