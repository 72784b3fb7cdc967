"""Zeek's records: recognised by its names, the log is the service."""

import pytest

from pipeline.parsing.network.zeek import SOURCE

CONNECTION: dict[str, object] = {"ts": 1.5, "uid": "C1", "id.orig_h": "10.0.0.3", "id.resp_p": 53}


@pytest.mark.parametrize("name", ["_path", "@stream", "log_type"])
def test_the_log_is_the_service(name: str) -> None:
    fields = SOURCE.parse({**CONNECTION, name: "dns"})

    assert fields["logsource.service"] == ["dns"]
    assert (fields["source.ip"], fields["destination.port"]) == ("10.0.0.3", 53)


def test_a_nested_connection_is_the_same() -> None:
    document = {"ts": 1.5, "uid": "C1", "id": {"orig_h": "10.0.0.3"}}

    assert SOURCE.recognises(document)
    assert SOURCE.parse(document)["source.ip"] == "10.0.0.3"


@pytest.mark.parametrize("document", [{"ts": 1}, {"ts": 1, "uid": "x"}, {"ts": 1, "id": 7}])
def test_other_documents_with_a_ts_are_not_taken_for_it(document: dict[str, object]) -> None:
    assert not SOURCE.recognises(document)
