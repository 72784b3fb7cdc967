import base64

import pytest

from pipeline.store.embedded.accounts import Accounts, StoreAccount, credentials

WRITER = StoreAccount("writer", "pass:word")
READER = StoreAccount("reader", "", readonly=True)


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("name", "password", "account"),
    [
        ("writer", "pass:word", WRITER),
        ("writer", "", None),
        ("writer", "pass:word ", None),
        ("reader", "", READER),
        ("nobody", "", None),
        ("nobody", "pass:word", None),
    ],
)
def test_only_the_exact_password_signs_in(
    name: str, password: str, account: StoreAccount | None
) -> None:
    assert Accounts([WRITER, READER]).sign_in(name, password) == account


@pytest.mark.parametrize(
    ("headers", "query", "found"),
    [
        ({}, {}, None),
        ({"x-clickhouse-user": "u", "x-clickhouse-key": "k"}, {}, ("u", "k")),
        ({"x-clickhouse-user": "u"}, {"user": "other", "password": "p"}, ("u", "")),
        (basic("u:p:q"), {}, ("u", "p:q")),
        (basic("u:p"), {"user": "other"}, ("u", "p")),
        (basic("no colon"), {}, None),
        ({"authorization": "Basic %%%"}, {}, None),
        ({"authorization": "Basic /w=="}, {}, None),
        ({"authorization": "Bearer abc"}, {}, None),
        ({}, {"user": "u", "password": "p"}, ("u", "p")),
    ],
)
def test_credentials_are_looked_for_where_clickhouse_looks(
    headers: dict[str, str], query: dict[str, str], found: tuple[str, str] | None
) -> None:
    assert credentials(headers, query) == found


def test_a_password_is_not_printed() -> None:
    assert "pass:word" not in repr(WRITER)
