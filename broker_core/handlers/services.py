"""What a handler may use, and what it knows of the request it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from broker_core.authorizer import Authorizer, Principal
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.handlers.delayed import DelayedFetches
from broker_core.handlers.topology import Topology
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.api_keys import Api
from broker_core.replication.replicas import Replicas
from broker_core.settings import BrokerSettings


def is_internal(topic: str) -> bool:
    """Whether only the broker itself writes to the topic."""
    return topic.startswith("__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of the broker that handlers speak to.

    Attributes:
        authenticate: Takes a SASL PLAIN message, returns the name; raises SaslAuthenticationFailed.
        topology: Who is in the cluster and leads what.
    """

    settings: BrokerSettings
    logs: LogDirectory
    commit: GroupCommit
    replicas: Replicas
    topology: Topology
    groups: GroupRegistry
    producer_ids: ProducerIds
    authorizer: Authorizer
    delayed: DelayedFetches
    authenticate: Callable[[bytes], str]


@dataclass(slots=True, kw_only=True)
class Client:
    """The connection a request came on; signing in changes it.

    Attributes:
        mechanism: What SaslHandshake chose, None before it.
    """

    principal: Principal
    host: str
    mechanism: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request's surroundings."""

    services: Services
    client: Client
    api: Api
    version: int
    client_id: str = field(default="")

    def may_use_topic(self, topic: str) -> bool:
        """Whether the client may see, write to and read from the topic."""
        return self.services.authorizer.may_use_topic(self.client.principal, topic)

    def may_use_group(self, group: str) -> bool:
        """Whether the client may use the consumer group."""
        return self.services.authorizer.may_use_group(self.client.principal, group)

    def may_administer(self) -> bool:
        """Whether the client may change topics and forget groups."""
        return self.services.authorizer.may_administer(self.client.principal)
