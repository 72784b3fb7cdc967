"""Users changed on three nodes while messages are late and lost and the controller dies.

Nodes, messages, decisions and the database are the product's; the way between them is a list that a
test takes from. Whatever happens: a change touches what it is about and nothing else, counts at
once where it was answered, is never forgotten, and in the end all nodes go by the same policy.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from broker_core.errors import BrokerError, NotController, ResourceNotFound
from broker_core.policy.cluster_policy import ClusterPolicy
from broker_core.policy.policy import Policy
from broker_core.policy.policy_entries import applied
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism
from broker_core.protocol.messages.alter_policy import AlterPolicyRequest, PolicyEntry
from broker_core.replication.cluster_state import NOTHING_KNOWN, ClusterState, PolicyEntries
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.metadata_store import MetadataStore
from broker_core.replication.policy_changes import alter_policy
from broker_core.replication.state_messages import from_message, to_message

NODES = st.integers(0, 2)
USERS = st.sampled_from(["ada", "bob"])
FATES = st.sampled_from([*["arrives"] * 8, "answer lost", "request lost"])
MECHANISM = ScramMechanism.SCRAM_SHA_256
FIRST = ControllerState(cluster=ClusterState(version=1, cluster_id="c"))
SETTLED_AFTER_STEPS = 20  # of the loop; a step of a change takes fewer

Users = dict[str, int]


def users(policy: Policy) -> Users:
    """The users by how often they were counted, which hides in their iterations."""
    return {name: each.iterations for (name, _), each in policy.credentials.items()}


@dataclass
class Asked:
    """A request on its way to the controller; None: to be told the newest state."""

    request: AlterPolicyRequest | None
    answer: asyncio.Future[None]


class ModelController:
    """The decisions and the database of the real one, without its socket."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.store = MetadataStore(directory)
        self.store.create(FIRST)
        self.die()

    def die(self) -> None:
        """Be killed and start anew: only what is in the database is known."""
        self.store.close()
        self.store = MetadataStore(self._directory)
        found = self.store.read()
        assert found is not None
        self.state = found
        self.remembered = {found.cluster.version: found.cluster}

    @property
    def policy(self) -> Policy:
        return applied(Policy(), self.state.cluster.policy.entries, ())

    def alter(self, request: AlterPolicyRequest) -> None:
        decided, _ = alter_policy(self.state, request)
        if decided is self.state:
            return
        version = self.state.cluster.version + 1
        after = replace(decided, cluster=replace(decided.cluster, version=version))
        self.store.commit(self.state, after)
        self.state = after
        self.remembered[version] = after.cluster

    def tell(self, known: ClusterState) -> ClusterState:
        remembered = self.remembered.get(known.version)
        message = to_message(self.state.cluster, remembered, session_timeout_ms=1)
        return from_message(message, known)


class ModelLink:
    """A node's way to the controller, on which nothing moves by itself."""

    def __init__(self, controller: ModelController) -> None:
        self.state = NOTHING_KNOWN
        self.asked: list[Asked] = []
        self._controller = controller
        self._subscribers: list[Callable[[ClusterState], None]] = []

    def subscribe(self, callback: Callable[[ClusterState], None]) -> None:
        self._subscribers.append(callback)

    def hear(self) -> None:
        if self._controller.state.cluster.version > self.state.version:
            self.state = self._controller.tell(self.state)
            for callback in self._subscribers:
                callback(self.state)

    async def catch_up(self) -> None:
        await self._ask(None)

    async def alter_policy(
        self, known: PolicyEntries, entries: Mapping[str, str], deleted: Iterable[str]
    ) -> None:
        put = tuple(PolicyEntry(key=key, value=value) for key, value in entries.items())
        request = AlterPolicyRequest(
            known_version=known.version, entries=put, deleted=tuple(deleted)
        )
        await self._ask(request)

    async def _ask(self, request: AlterPolicyRequest | None) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked.append(Asked(request, answer))
        await answer


class PolicyReplication(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.controller = ModelController(Path(self.directory.name))
        self.links = [ModelLink(self.controller) for _ in range(3)]
        self.policies = [self.loop.run_until_complete(made(link)) for link in self.links]
        self.changes: dict[int, tuple[str, bool]] = {}  # under way, by node
        self.running: list[asyncio.Task[None]] = []

    def spin(self) -> None:
        """Let everything happen that needs no message."""

        async def steps() -> None:
            for _ in range(SETTLED_AFTER_STEPS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(steps())
        for task in [each for each in self.running if each.done()]:
            self.running.remove(task)
            task.result()

    # -- what operators do

    @rule(node=NODES, user=USERS, is_removed=st.booleans())
    def an_operator_changes_a_user(self, node: int, user: str, is_removed: bool) -> None:
        """A user is removed, or counted once more; who is counted anew begins at the beginning."""
        if node not in self.changes:
            self.begin(node, user, is_removed)

    def begin(self, node: int, user: str, is_removed: bool) -> None:
        self.changes[node] = user, is_removed

        def change(policy: Policy) -> Policy:
            credentials = dict(policy.credentials)
            if not is_removed:
                count = users(policy).get(user, 0) + 1
                credentials[user, MECHANISM] = ScramCredential(
                    salt=b"s", iterations=count, stored_key=b"k", server_key=b"v"
                )
            elif credentials.pop((user, MECHANISM), None) is None:
                raise ResourceNotFound(user)
            return replace(policy, credentials=credentials)

        async def run() -> None:
            try:
                await self.policies[node].change(change)
            except ResourceNotFound:
                assert user not in users(self.controller.policy)
            except NotController:
                pass  # nothing is known of the outcome
            else:
                assert self.policies[node].current == self.controller.policy
                assert (user in users(self.controller.policy)) is not is_removed
            del self.changes[node]

        self.running.append(self.loop.create_task(run()))
        self.spin()

    # -- what becomes of messages

    @rule(node=NODES, fate=FATES)
    def a_message_is_on_its_way(self, node: int, fate: str) -> None:
        """One of the node, or of the next one that has asked for something."""
        nodes = [(node + step) % 3 for step in range(3)]
        node = next((each for each in nodes if self.links[each].asked), node)
        if not self.links[node].asked:
            return
        asked = self.links[node].asked.pop()
        if fate == "request lost":
            asked.answer.set_exception(NotController("lost"))
            self.spin()
        else:
            self.carry_out(node, asked, is_told=fate == "arrives")

    @rule(node=NODES)
    def a_node_hears_of_the_newest_state(self, node: int) -> None:
        self.links[node].hear()

    @rule(chance=st.integers(1, 10))
    def the_controller_dies(self, chance: int) -> None:
        if chance != 7:
            return
        for link in self.links:
            for asked in link.asked:
                asked.answer.set_exception(NotController("gone"))
            link.asked.clear()
        before = self.controller.policy
        self.controller.die()
        assert self.controller.policy == before
        self.spin()

    def carry_out(self, node: int, asked: Asked, *, is_told: bool) -> None:
        before = users(self.controller.policy)
        refusal: BrokerError | None = None
        if asked.request is not None:
            try:
                self.controller.alter(asked.request)
            except BrokerError as error:
                refusal = error
        after = users(self.controller.policy)
        if asked.request is not None and refusal is None:
            user, is_removed = self.changes[node]
            expected = {**before, user: before.get(user, 0) + 1}
            if is_removed:
                assert user in before
                del expected[user]
            assert after == expected
        if not is_told:
            asked.answer.set_exception(NotController("lost"))
        elif refusal is not None:
            asked.answer.set_exception(refusal)
        else:
            self.links[node].hear()
            asked.answer.set_result(None)
        self.spin()

    def teardown(self) -> None:
        for _ in range(100):  # whoever was too late tries again, and then it is alone
            for node in range(3):
                self.a_message_is_on_its_way(node, "arrives")
        assert not self.changes
        self.controller.die()
        for link, policy in zip(self.links, self.policies, strict=True):
            link.hear()
            assert policy.current == self.controller.policy
        self.controller.store.close()
        self.loop.close()
        self.directory.cleanup()


async def made(link: ModelLink) -> ClusterPolicy:
    return ClusterPolicy(link)


TestPolicyReplication = PolicyReplication.TestCase
TestPolicyReplication.settings = settings(max_examples=60, stateful_step_count=100, deadline=None)
