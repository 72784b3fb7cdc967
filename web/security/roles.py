"""Roles: what an account or a token may do.

>>> Role.ENGINEER.includes(Role.ANALYST), Role.VIEWER.includes(Role.ANALYST)
(True, False)
>>> Role.INGEST.includes(Role.VIEWER), Role.ADMINISTRATOR.includes(Role.INGEST)
(False, False)
"""

from enum import StrEnum


class Role(StrEnum):
    """Each of the first four includes the ones before it; ``ingest`` stands alone."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"
    INGEST = "ingest"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what the other one may."""
        if Role.INGEST in (self, other):
            return self is other
        order = list(Role)
        return order.index(self) >= order.index(other)


PEOPLE = (Role.VIEWER, Role.ANALYST, Role.ENGINEER, Role.ADMINISTRATOR)
MEANING = {
    Role.VIEWER: "Reads everything, decides nothing.",
    Role.ANALYST: "Acknowledges, closes and annotates alerts.",
    Role.ENGINEER: "Also switches rules, notifications and topics.",
    Role.ADMINISTRATOR: "Also manages accounts and tokens.",
    Role.INGEST: "Sends events; reads nothing.",
}
