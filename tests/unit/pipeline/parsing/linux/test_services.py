"""Programs that are read as text, save what PAM says for them."""

from pipeline.parsing.linux.services import parse
from pipeline.schema.event import Value


def test_pam_speaks_and_the_rest_stays_text() -> None:
    fields: dict[str, Value] = {}

    parse("New session 12 of user ingrid.", fields)
    assert fields == {}

    parse("pam_unix(login:session): session closed for user ingrid", fields)
    assert fields["user.name"] == "ingrid"
