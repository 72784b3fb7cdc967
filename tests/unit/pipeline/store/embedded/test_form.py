import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from pipeline.store.embedded.errors import Refused
from pipeline.store.embedded.form import MAX_FIELDS, form_fields


@given(st.lists(st.tuples(st.from_regex(r"param_[a-z]\w{0,8}", fullmatch=True), st.text())))
def test_what_a_client_sends_is_read(fields: list[tuple[str, str]]) -> None:
    body, content_type = encode_multipart_formdata(fields)

    assert form_fields(content_type, body) == fields


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(Refused):
        form_fields(content_type, b"SELECT 1")


def test_a_form_that_is_cut_off_is_refused() -> None:
    body, content_type = encode_multipart_formdata([("query", "SELECT 1")])

    with pytest.raises(Refused, match="cut off"):
        form_fields(content_type, body[:-6])


def test_a_file_is_refused_by_name() -> None:
    body, content_type = encode_multipart_formdata({"table": ("rows.tsv", b"1\n")})

    with pytest.raises(Refused, match="external tables"):
        form_fields(content_type, body)


def test_too_many_fields_are_refused() -> None:
    body, content_type = encode_multipart_formdata([("a", "b")] * (MAX_FIELDS + 1))

    with pytest.raises(Refused, match="at most"):
        form_fields(content_type, body)
