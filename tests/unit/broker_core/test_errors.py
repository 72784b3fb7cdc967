"""The error table against kio's, which is generated from Kafka's."""

from kio.schema.errors import ErrorCode as KioErrorCode

from broker_core import errors
from broker_core.errors import BrokerError, ErrorCode


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
