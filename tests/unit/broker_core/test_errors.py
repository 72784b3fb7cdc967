"""The error table against kio's, which is generated from Kafka's."""

from kio.schema.errors import ErrorCode as KioErrorCode

from broker_core import errors
from broker_core.errors import BrokerError, ErrorCode, NotController, error_of


def test_names_numbers_and_retriability_are_kafkas() -> None:
    ours = {code.name.lower(): (int(code), code.is_retriable) for code in ErrorCode}

    assert ours == {code.name: (int(code), code.retriable) for code in KioErrorCode}


def test_the_tree_in_the_docstring_names_every_exception() -> None:
    declared = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BrokerError)
    }

    assert errors.__doc__ is not None
    drawn = {
        line.removeprefix("├── ").removeprefix("└── ").split(" ")[0]
        for line in errors.__doc__.splitlines()
        if line[:1] in "├└B" and line
    }
    assert drawn == declared


def test_an_answered_code_becomes_the_exception_of_its_class() -> None:
    assert isinstance(error_of(41, "text"), NotController)
    assert str(error_of(41, "text")) == "text"
    assert str(error_of(12, "text")) == "text: OFFSET_METADATA_TOO_LARGE"
    assert type(error_of(-1, "text")) is BrokerError
    assert str(error_of(9999, "text")) == "text: 9999"
