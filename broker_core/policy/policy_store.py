"""PolicyStore: the policy as every request sees it, and how it is changed.

A node that is alone keeps it in a file (:mod:`broker_core.policy.own_policy`); in a cluster it is
the controller's (:mod:`broker_core.policy.cluster_policy`). Handlers do not know which.
"""

from collections.abc import Callable
from typing import Protocol

from broker_core.policy.policy import Policy

Change = Callable[[Policy], Policy]


class PolicyStore(Protocol):
    """Where the policy is kept."""

    @property
    def current(self) -> Policy:
        """What stands now, as far as this node knows."""
        ...

    async def known(self) -> None:
        """Return once there is a policy to go by; nobody is let in before."""
        ...

    async def change(self, change: Change) -> None:
        """Let ``change`` make a new policy of the one that stands; it is durable after this.

        Args:
            change: Pure but for noting its outcome: it is called anew, with a newer policy, when
                somebody else changed the policy at the same time. What counts is its last call.

        Raises:
            BrokerError: What ``change`` raised; the old policy stands.
            StorageError: The disk refused; the old one stands.
            NotController: The cluster's controller cannot be reached: nothing is known of the
                outcome.
        """
        ...
