"""One line in the log for each change of a group's state. For the event loop."""

import structlog

from broker_core.coordinator.group import Group, GroupState

log = structlog.get_logger()

_Known = tuple[GroupState, int]
_NEW: _Known = (GroupState.EMPTY, 0)


class GroupChanges:
    """What was said last of every group that has members or had some."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def note(self, group: Group) -> None:
        """Say how a group is, if that is news; a member that is alive is none."""
        before = self._known.get(group.group_id, _NEW)
        after = (group.state, group.generation)
        if after == before:
            return
        self._known[group.group_id] = after
        log.info(
            "group_state_changed",
            group=group.group_id,
            state=str(group.state),
            before=str(before[0]),
            generation=group.generation,
            members=len(group.members),
        )

    def forget(self, group: Group) -> None:
        """A group is let go: deleted, of no use any more, or another node's now."""
        self._known.pop(group.group_id, None)
