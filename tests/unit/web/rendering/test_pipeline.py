"""The stations of the pipeline say what passes, what waits and what nobody could tell."""

from datetime import UTC, datetime, timedelta

from pipeline.bus.admin import NodeDescription
from pipeline.store.queries.span import Span
from web.operations.flow import Losses
from web.operations.log_watch import (
    GroupState,
    LogState,
    PartitionState,
    TopicState,
    node_states,
)
from web.operations.overview import DETECTIONS_GROUP, Overview, QuietSource
from web.operations.standing import RoleState, Standing
from web.rendering.figures import role_lines
from web.rendering.pipeline import Station, stations

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTHING = Overview(
    span=Span(NOON - timedelta(days=1), NOON),
    fired=None,
    received=None,
    heard=None,
    quiet=(),
    log=None,
    account=None,
    decisions=(),
    problems=(),
)
UNKNOWN = Losses(parked=None, parked_by_reason=None, unparsed=None, deliveries=None)
PARTITION = PartitionState(number=0, leader=0, replicas=(0,), in_sync=(0,), start=100, end=51_350)
LOG = LogState(
    at=1.0,
    topics=(TopicState(name="events.log", partitions=(PARTITION,), rate=308.2),),
    groups=(
        GroupState(
            name=DETECTIONS_GROUP,
            state="Stable",
            members=(),
            committed={},
            lag={"events.log": 124},
            rate=300.0,
        ),
    ),
)
ROLES = Standing(
    roles={
        "broker": RoleState(state="running"),
        "sinks": RoleState(state="restarting", restarts=2),
        "detections": RoleState(state="running"),
    },
    reachable=True,
)


def _drawn(
    found: Overview, losses: Losses = UNKNOWN, standing: Standing = ROLES
) -> dict[str, Station]:
    drawn = stations(found, losses, role_lines(found, standing), standing)
    return {station.name: station for station in drawn}


def test_what_did_not_answer_is_not_known_and_never_a_zero() -> None:
    drawn = _drawn(NOTHING, standing=Standing())

    assert {station.figure for station in drawn.values()} == {"–"}
    assert {station.dot for station in drawn.values()} == {"silent"}
    assert drawn["Detections"].below == "lag not known"


def test_stations_say_what_passes_and_what_waits() -> None:
    drawn = _drawn(replace(log=LOG))

    assert (drawn["Log"].figure, drawn["Log"].below) == ("308", "51.2 k log events kept")
    assert (drawn["Detections"].figure, drawn["Detections"].below) == ("300", "124 behind")


def test_a_station_looks_like_the_role_that_does_its_work() -> None:
    drawn = _drawn(replace(log=LOG))

    assert (drawn["Log"].dot, drawn["Notifications"].dot) == ("ok", "late")


def test_the_log_looks_like_the_worst_of_its_nodes_and_says_what_they_lack() -> None:
    standing = Standing(
        roles={
            "controller": RoleState(state="running"),
            "broker-1": RoleState(state="running"),
            "broker-2": RoleState(state="restarting", restarts=1),
            "web": RoleState(state="stopped"),
        },
        reachable=True,
    )
    lacking = PartitionState(
        number=0, leader=1, replicas=(1, 2, 3), in_sync=(1, 3), start=0, end=9, rate=4.0
    )
    topics = (TopicState(name="events.log", partitions=(lacking,), rate=4.0),)
    nodes = node_states((NodeDescription(1, "a:1"), NodeDescription(3, "a:3")), topics)
    found = replace(log=LogState(at=1.0, topics=topics, nodes=nodes))

    log = _drawn(found, standing=standing)["Log"]
    rates = {line.name: line.rate for line in role_lines(found, standing)}

    assert (log.dot, log.below, log.is_troubled) == ("late", "1 lack a copy, of 1 partitions", True)
    assert (rates["Broker-1"], rates["Broker-2"]) == (4.0, None)


def test_quiet_sources_catch_the_eye() -> None:
    quiet = QuietSource(
        source="syslog:a", state="late", silence=timedelta(1), usual_gap=timedelta(0, 60)
    )

    drawn = _drawn(replace(heard=(), quiet=(quiet,)))

    assert (drawn["Sources"].below, drawn["Sources"].is_troubled) == ("1 quiet", True)
    assert drawn["Sources"].dot == "late"


def replace(**changes: object) -> Overview:
    """The overview that knows nothing, with some of it known."""
    values = {name: getattr(NOTHING, name) for name in NOTHING.__slots__} | changes
    return Overview(**values)
