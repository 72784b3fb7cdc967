"""Who may do what to which resource. Pure.

``open`` lets everyone do everything: a broker run by itself on loopback. ``restricted`` has two
rules: a named principal may do everything; an anonymous client on loopback may write to and read
from topics that begin with ``raw.``, with consumer groups that do not begin with ``tocsin``.
Anyone else must sign in before anything else.
"""

from dataclasses import dataclass

ANONYMOUS = "ANONYMOUS"
PUBLIC_TOPICS = "raw."
OWN_GROUPS = "tocsin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is on the other end of a connection.

    Attributes:
        name: The name it signed in with, or ``ANONYMOUS``.
        is_local: Whether it connects over loopback.
    """

    name: str
    is_local: bool

    @property
    def is_anonymous(self) -> bool:
        """Whether it has not signed in."""
        return self.name == ANONYMOUS


class Authorizer:
    """Answers what a principal may do."""

    def __init__(self, *, restricted: bool) -> None:
        self._restricted = restricted

    def must_sign_in(self, principal: Principal) -> bool:
        """Whether nothing is answered until the client has signed in."""
        return self._restricted and principal.is_anonymous and not principal.is_local

    def may_use_topic(self, principal: Principal, topic: str) -> bool:
        """Whether it may see, write to and read from the topic."""
        return self._may_do_everything(principal) or (
            principal.is_local and topic.startswith(PUBLIC_TOPICS)
        )

    def may_use_group(self, principal: Principal, group: str) -> bool:
        """Whether it may be a member of the group and commit its offsets."""
        return self._may_do_everything(principal) or (
            principal.is_local and not group.startswith(OWN_GROUPS)
        )

    def may_produce_idempotently(self, principal: Principal) -> bool:
        """Whether it may be given a producer id."""
        return self._may_do_everything(principal) or principal.is_local

    def may_administer(self, principal: Principal) -> bool:
        """Whether it may create, change and delete topics, and forget groups."""
        return self._may_do_everything(principal)

    def _may_do_everything(self, principal: Principal) -> bool:
        return not self._restricted or not principal.is_anonymous
