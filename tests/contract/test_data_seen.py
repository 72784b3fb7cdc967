"""What the stored data has for rules, asked of every engine behind the seam."""

from datetime import timedelta

from detections.compiler import Rule
from detections.data_seen import Lacking
from detections.documents import compile_text
from pipeline.store import rows
from pipeline.store.client import StoreClient
from pipeline.store.queries.span import Span
from tests.support.stored_values import NOON, log_event
from web.data_seen import data_seen

HOUR = Span(NOON, NOON + timedelta(hours=1))


def rule(source: str, field: str) -> Rule:
    (found,) = compile_text(
        f"title: T\nlogsource: {{{source}}}\ndetection: {{a: {{{field}: x}}, condition: a}}\n"
    )
    assert isinstance(found, Rule)
    return found


async def test_a_rule_is_held_against_the_fields_of_its_log_source(store: StoreClient) -> None:
    given = [
        log_event(1, {"logsource.product": "linux", "logsource.service": ["sshd"], "acct": "eve"}),
        log_event(2, {"Channel": "Security", "EventID": 4688, "NewProcessName": "cmd.exe"}),
        log_event(7200, {"logsource.product": "macos", "acct": "eve"}),
    ]
    await store.insert("events", rows.events_rows(given), token="data-seen")

    seen = await data_seen(store, HOUR)

    assert seen.lacking(rule("product: linux, service: sshd", "acct")) is None
    assert seen.lacking(rule("product: linux", "uid")) == Lacking(fields=("uid",))
    assert seen.lacking(rule("product: macos", "acct")) == Lacking()
    assert seen.lacking(rule("product: windows, category: process_creation", "Image")) is None
    assert seen.lacking(rule("product: windows, service: sysmon", "Image")) == Lacking()
