"""The alert that a test of a destination delivers: like any other, but nothing fired. Pure."""

from pipeline.schema.alert import Alert
from pipeline.schema.control import WebhookTest, webhook_test_id

TITLE = "Test from Tocsin"
RULE_ID = "00000000-0000-0000-0000-000000000000"


def sample_alert(test: WebhookTest) -> Alert:
    """What is sent when somebody presses the button; who and when stands in ``matched``."""
    return Alert(
        id=webhook_test_id(test.id, test.revision),
        rule_id=RULE_ID,
        rule_title=TITLE,
        rule_revision="",
        rule_author="",
        level="informational",
        tags=(),
        time=test.asked,
        observed_time=test.asked,
        group={},
        matched={"asked_by": test.asked_by},
        entity="",
        events=(),
        event_count=0,
        source="tocsin",
    )
