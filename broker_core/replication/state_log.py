"""One line in the log for what changed between two states of the cluster."""

import structlog

from broker_core.replication.cluster_state import ClusterState, Partition

log = structlog.get_logger()


def log_changes(before: ClusterState, after: ClusterState) -> None:
    """Say which nodes and topics came and went, how many partitions changed, and the policy."""
    for node_id, node in after.nodes.items():
        known = before.nodes.get(node_id)
        if known is node:
            continue
        if known is None or known.epoch != node.epoch:
            log.info("node_registered", node=node_id, epoch=node.epoch, port=node.port)
        elif known.fenced != node.fenced:
            event = "node_fenced" if node.fenced else "node_unfenced"
            log.info(event, node=node_id, epoch=node.epoch)
    _log_topics(before, after)
    if after.policy is not before.policy:
        entries = len(after.policy.entries)
        log.info("policy_changed", version=after.policy.version, entries=entries)
    _log_partitions(before, after)


def _log_topics(before: ClusterState, after: ClusterState) -> None:
    """The same lines as of a node that is alone (``LogDirectory``)."""
    for name, topic in after.topics.items():
        known, partitions = before.topics.get(name), len(topic.partitions)
        if known is topic:
            continue
        if known is None:
            log.info("topic_created", topic=name, partitions=partitions, config=topic.configs)
            continue
        if len(known.partitions) != partitions:
            there = len(known.partitions)
            log.info("partitions_added", topic=name, partitions=partitions, before=there)
        if known.configs != topic.configs:
            log.info("topic_altered", topic=name, config=topic.configs, before=known.configs)
    for name in before.topics.keys() - after.topics.keys():
        log.info("topic_deleted", topic=name)


def _log_partitions(before: ClusterState, after: ClusterState) -> None:
    changed: list[tuple[Partition, Partition]] = []
    for name, topic in after.topics.items():
        known = before.topics.get(name)
        if known is None or known is topic:
            continue
        pairs = zip(known.partitions, topic.partitions, strict=False)
        changed += [(old, new) for old, new in pairs if old is not new]
    if not changed:
        return
    log.info(
        "partitions_changed",
        version=after.version,
        partitions=len(changed),
        leaders=sum(old.leader != new.leader for old, new in changed),
        shrunk=sum(len(new.isr) < len(old.isr) for old, new in changed),
        expanded=sum(len(new.isr) > len(old.isr) for old, new in changed),
        offline=sum(new.is_offline and not old.is_offline for old, new in changed),
    )
    for _, new in changed:
        log.debug(
            "partition_changed",
            topic=new.topic,
            partition=new.index,
            leader=new.leader,
            leader_epoch=new.leader_epoch,
            isr=new.isr,
        )
