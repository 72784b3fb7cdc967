"""Declared document sources: names to ECS, text, and what tables cannot say."""

from pipeline.parsing.document_source import DocumentSource, has
from pipeline.parsing.log_source import LogSource

SOURCE = DocumentSource(
    log_source=LogSource(product="till", services=("sales",)),
    name="receipt",
    recognises=has("receipt", "clerk"),
    ecs={"user.name": ("clerk.id", "clerk.name"), "source.ip": ("addresses",)},
    message=("clerk.name", "receipt"),
    refine=lambda fields: fields.update({"event.outcome": "success"}),
)


def test_a_document_becomes_flat_with_log_source_ecs_names_and_text() -> None:
    fields = SOURCE.parse({"receipt": 7, "clerk": {"name": "olaf"}, "addresses": ["::1", "::2"]})

    assert fields == {
        "receipt": 7,
        "clerk.name": "olaf",
        "addresses": ["::1", "::2"],
        "logsource.product": "till",
        "logsource.service": ["sales"],
        "user.name": "olaf",
        "source.ip": "::1",
        "event.outcome": "success",
        "message": "olaf 7",
    }


def test_a_text_of_its_own_is_kept() -> None:
    assert SOURCE.parse({"receipt": 7, "message": "paid"})["message"] == "paid"


def test_it_is_recognised_by_all_the_names_it_must_have() -> None:
    assert SOURCE.recognises({"receipt": 1, "clerk": None})
    assert not SOURCE.recognises({"receipt": 1})
