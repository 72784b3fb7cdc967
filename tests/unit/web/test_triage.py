import pytest

from tests.support.console import TestedConsole
from web.security.audit import Actor
from web.security.errors import InputRefused
from web.triage import (
    MOST_ALERTS,
    Conflict,
    Reason,
    State,
    acknowledge,
    add_note,
    assign,
    close,
    history,
    ids_in,
    reopen,
    states,
    undo,
)

INES, TOMAS = Actor(name="ines"), Actor(name="tomas")


def test_an_alert_nobody_touched_is_open(console: TestedConsole) -> None:
    (state,) = states(console.database, ["a"]).values()

    assert (state.state, state.revision, state.assignee) == (State.OPEN, 0, "")


def test_taking_an_alert_makes_it_theirs(console: TestedConsole) -> None:
    (state,) = acknowledge(console.database, ["a"], actor=INES)

    assert (state.state, state.assignee, state.revision) == (State.ACKNOWLEDGED, "ines", 1)
    assert ids_in(console.database, [State.ACKNOWLEDGED]) == ["a"]


def test_undo_brings_back_what_stood_before_as_a_new_revision(console: TestedConsole) -> None:
    assign(console.database, ["a"], assignee="tomas", actor=INES)
    close(console.database, ["a"], reason=Reason.BENIGN, actor=INES)

    (state,) = undo(console.database, ["a"], actor=INES, revision=2)

    assert (state.state, state.reason, state.assignee, state.revision) == (
        State.OPEN, "", "tomas", 3,
    )  # fmt: skip


def test_undoing_the_first_change_opens_the_alert_again(console: TestedConsole) -> None:
    acknowledge(console.database, ["a"], actor=INES)

    (state,) = undo(console.database, ["a"], actor=INES)

    assert (state.state, state.assignee) == (State.OPEN, "")


def test_a_decision_on_an_old_revision_changes_nothing(console: TestedConsole) -> None:
    acknowledge(console.database, ["a"], actor=INES)

    with pytest.raises(Conflict, match="ines changed this alert to acknowledged") as raised:
        close(console.database, ["a"], reason=Reason.BENIGN, actor=TOMAS, revision=0)

    assert raised.value.current.revision == 1
    assert states(console.database, ["a"])["a"].state is State.ACKNOWLEDGED


def test_many_alerts_are_changed_together_or_not_at_all(console: TestedConsole) -> None:
    acknowledge(console.database, ["b"], actor=TOMAS)

    with pytest.raises(Conflict):
        close(console.database, ["a", "b"], reason=Reason.BENIGN, actor=INES, revision=0)

    assert states(console.database, ["a"])["a"].revision == 0


def test_a_closed_alert_is_not_taken(console: TestedConsole) -> None:
    close(console.database, ["a"], reason=Reason.BENIGN, actor=INES)

    (state,) = acknowledge(console.database, ["a"], actor=TOMAS)

    assert (state.state, state.revision) == (State.CLOSED, 1)


def test_an_alert_opened_again_has_no_reason(console: TestedConsole) -> None:
    close(console.database, ["a"], reason=Reason.BENIGN, actor=INES)

    (state,) = reopen(console.database, ["a"], actor=TOMAS)

    assert (state.state, state.reason) == (State.OPEN, "")


def test_history_keeps_every_step_with_its_note(console: TestedConsole) -> None:
    acknowledge(console.database, ["a"], actor=INES)
    add_note(console.database, "a", note="  looks planned ", actor=TOMAS)
    close(console.database, ["a"], reason=Reason.BENIGN, actor=TOMAS, note="it was")

    steps = [(step.actor, step.state, step.note) for step in history(console.database, "a")]

    assert steps == [
        ("ines", State.ACKNOWLEDGED, ""),
        ("tomas", State.ACKNOWLEDGED, "looks planned"),
        ("tomas", State.CLOSED, "it was"),
    ]


@pytest.mark.parametrize(
    "decide",
    [
        lambda database: close(database, ["a"], reason="because", actor=INES),
        lambda database: add_note(database, "a", note=" ", actor=INES),
        lambda database: add_note(database, "a", note="x" * 5_000, actor=INES),
        lambda database: acknowledge(
            database, [str(n) for n in range(MOST_ALERTS + 1)], actor=INES
        ),
    ],
)
def test_what_has_no_bounds_or_meaning_is_refused(console: TestedConsole, decide) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused):
        decide(console.database)
