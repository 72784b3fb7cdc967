"""The APIs this broker answers: key, versions, messages; ApiVersions and the docs read this table.

What is not listed here is not answered, not advertised and not documented. A version is listed once
a foreign client's test passes with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker_core.protocol.messages.add_offsets_to_txn import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
)
from broker_core.protocol.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
)
from broker_core.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
)
from broker_core.protocol.messages.alter_configs import AlterConfigsRequest, AlterConfigsResponse
from broker_core.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
)
from broker_core.protocol.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
)
from broker_core.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from broker_core.protocol.messages.consumer_group_describe import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
)
from broker_core.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from broker_core.protocol.messages.create_acls import CreateAclsRequest, CreateAclsResponse
from broker_core.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
)
from broker_core.protocol.messages.create_topics import CreateTopicsRequest, CreateTopicsResponse
from broker_core.protocol.messages.delete_acls import DeleteAclsRequest, DeleteAclsResponse
from broker_core.protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from broker_core.protocol.messages.delete_records import DeleteRecordsRequest, DeleteRecordsResponse
from broker_core.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from broker_core.protocol.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse
from broker_core.protocol.messages.describe_client_quotas import (
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
)
from broker_core.protocol.messages.describe_cluster import (
    DescribeClusterRequest,
    DescribeClusterResponse,
)
from broker_core.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResponse,
)
from broker_core.protocol.messages.describe_groups import (
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from broker_core.protocol.messages.describe_log_dirs import (
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)
from broker_core.protocol.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
)
from broker_core.protocol.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
)
from broker_core.protocol.messages.describe_transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
)
from broker_core.protocol.messages.describe_user_scram_credentials import (
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)
from broker_core.protocol.messages.elect_leaders import ElectLeadersRequest, ElectLeadersResponse
from broker_core.protocol.messages.end_txn import EndTxnRequest, EndTxnResponse
from broker_core.protocol.messages.fetch import FetchRequest, FetchResponse
from broker_core.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from broker_core.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from broker_core.protocol.messages.incremental_alter_configs import (
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from broker_core.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from broker_core.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from broker_core.protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from broker_core.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from broker_core.protocol.messages.list_offsets import ListOffsetsRequest, ListOffsetsResponse
from broker_core.protocol.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)
from broker_core.protocol.messages.list_transactions import (
    ListTransactionsRequest,
    ListTransactionsResponse,
)
from broker_core.protocol.messages.metadata import MetadataRequest, MetadataResponse
from broker_core.protocol.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse
from broker_core.protocol.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from broker_core.protocol.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
from broker_core.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
)
from broker_core.protocol.messages.produce import ProduceRequest, ProduceResponse
from broker_core.protocol.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse
from broker_core.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from broker_core.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
)


@dataclass(frozen=True, slots=True, eq=False)
class Api:
    """One row of the protocol; there is one object of each, so it is compared by identity.

    Attributes:
        flexible_since: First version with compact types, tagged fields and request header v2.
    """

    key: int
    name: str
    min_version: int
    max_version: int
    flexible_since: int
    request: type
    response: type

    def supports(self, version: int) -> bool:
        """Whether requests of that version are answered."""
        return self.min_version <= version <= self.max_version

    def is_flexible(self, version: int) -> bool:
        """Whether that version has compact types and tagged fields (KIP-482)."""
        return version >= self.flexible_since

    @property
    def module(self) -> str:
        """Where its messages are declared; its handler's module has the same last name."""
        return self.request.__module__


PRODUCE = Api(0, "Produce", 3, 11, 9, ProduceRequest, ProduceResponse)
FETCH = Api(1, "Fetch", 4, 12, 12, FetchRequest, FetchResponse)
LIST_OFFSETS = Api(2, "ListOffsets", 1, 8, 6, ListOffsetsRequest, ListOffsetsResponse)
METADATA = Api(3, "Metadata", 0, 12, 9, MetadataRequest, MetadataResponse)
OFFSET_COMMIT = Api(8, "OffsetCommit", 2, 9, 8, OffsetCommitRequest, OffsetCommitResponse)
OFFSET_FETCH = Api(9, "OffsetFetch", 1, 9, 6, OffsetFetchRequest, OffsetFetchResponse)
FIND_COORDINATOR = Api(
    10, "FindCoordinator", 0, 4, 3, FindCoordinatorRequest, FindCoordinatorResponse
)
JOIN_GROUP = Api(11, "JoinGroup", 0, 9, 6, JoinGroupRequest, JoinGroupResponse)
HEARTBEAT = Api(12, "Heartbeat", 0, 4, 4, HeartbeatRequest, HeartbeatResponse)
LEAVE_GROUP = Api(13, "LeaveGroup", 0, 5, 4, LeaveGroupRequest, LeaveGroupResponse)
SYNC_GROUP = Api(14, "SyncGroup", 0, 5, 4, SyncGroupRequest, SyncGroupResponse)
DESCRIBE_GROUPS = Api(15, "DescribeGroups", 0, 5, 5, DescribeGroupsRequest, DescribeGroupsResponse)
LIST_GROUPS = Api(16, "ListGroups", 0, 5, 3, ListGroupsRequest, ListGroupsResponse)
SASL_HANDSHAKE = Api(17, "SaslHandshake", 0, 1, 2, SaslHandshakeRequest, SaslHandshakeResponse)
API_VERSIONS = Api(18, "ApiVersions", 0, 4, 3, ApiVersionsRequest, ApiVersionsResponse)
CREATE_TOPICS = Api(19, "CreateTopics", 2, 7, 5, CreateTopicsRequest, CreateTopicsResponse)
DELETE_TOPICS = Api(20, "DeleteTopics", 1, 6, 4, DeleteTopicsRequest, DeleteTopicsResponse)
DELETE_RECORDS = Api(21, "DeleteRecords", 0, 2, 2, DeleteRecordsRequest, DeleteRecordsResponse)
OFFSET_FOR_LEADER_EPOCH = Api(
    23, "OffsetForLeaderEpoch", 2, 4, 4, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse
)
INIT_PRODUCER_ID = Api(22, "InitProducerId", 0, 4, 2, InitProducerIdRequest, InitProducerIdResponse)
ADD_PARTITIONS_TO_TXN = Api(
    24, "AddPartitionsToTxn", 0, 3, 3, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse
)
ADD_OFFSETS_TO_TXN = Api(
    25, "AddOffsetsToTxn", 0, 3, 3, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
)
END_TXN = Api(26, "EndTxn", 0, 4, 3, EndTxnRequest, EndTxnResponse)
TXN_OFFSET_COMMIT = Api(
    28, "TxnOffsetCommit", 0, 3, 3, TxnOffsetCommitRequest, TxnOffsetCommitResponse
)
DESCRIBE_ACLS = Api(29, "DescribeAcls", 1, 3, 2, DescribeAclsRequest, DescribeAclsResponse)
CREATE_ACLS = Api(30, "CreateAcls", 1, 3, 2, CreateAclsRequest, CreateAclsResponse)
DELETE_ACLS = Api(31, "DeleteAcls", 1, 3, 2, DeleteAclsRequest, DeleteAclsResponse)
DESCRIBE_CONFIGS = Api(
    32, "DescribeConfigs", 1, 4, 4, DescribeConfigsRequest, DescribeConfigsResponse
)
ALTER_CONFIGS = Api(33, "AlterConfigs", 0, 2, 2, AlterConfigsRequest, AlterConfigsResponse)
DESCRIBE_LOG_DIRS = Api(
    35, "DescribeLogDirs", 1, 4, 2, DescribeLogDirsRequest, DescribeLogDirsResponse
)
SASL_AUTHENTICATE = Api(
    36, "SaslAuthenticate", 0, 2, 2, SaslAuthenticateRequest, SaslAuthenticateResponse
)
CREATE_PARTITIONS = Api(
    37, "CreatePartitions", 0, 3, 2, CreatePartitionsRequest, CreatePartitionsResponse
)
DELETE_GROUPS = Api(42, "DeleteGroups", 0, 2, 2, DeleteGroupsRequest, DeleteGroupsResponse)
INCREMENTAL_ALTER_CONFIGS = Api(
    44,
    "IncrementalAlterConfigs",
    0,
    1,
    1,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
OFFSET_DELETE = Api(47, "OffsetDelete", 0, 0, 1, OffsetDeleteRequest, OffsetDeleteResponse)
DESCRIBE_CLIENT_QUOTAS = Api(
    48, "DescribeClientQuotas", 0, 1, 1, DescribeClientQuotasRequest, DescribeClientQuotasResponse
)
ALTER_CLIENT_QUOTAS = Api(
    49, "AlterClientQuotas", 0, 1, 1, AlterClientQuotasRequest, AlterClientQuotasResponse
)
DESCRIBE_USER_SCRAM_CREDENTIALS = Api(
    50,
    "DescribeUserScramCredentials",
    0,
    0,
    0,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)
ALTER_USER_SCRAM_CREDENTIALS = Api(
    51,
    "AlterUserScramCredentials",
    0,
    0,
    0,
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
)
ELECT_LEADERS = Api(43, "ElectLeaders", 0, 2, 2, ElectLeadersRequest, ElectLeadersResponse)
ALTER_PARTITION_REASSIGNMENTS = Api(
    45,
    "AlterPartitionReassignments",
    0,
    0,
    0,
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
)
LIST_PARTITION_REASSIGNMENTS = Api(
    46,
    "ListPartitionReassignments",
    0,
    0,
    0,
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)
DESCRIBE_CLUSTER = Api(
    60, "DescribeCluster", 0, 1, 0, DescribeClusterRequest, DescribeClusterResponse
)
DESCRIBE_PRODUCERS = Api(
    61, "DescribeProducers", 0, 0, 0, DescribeProducersRequest, DescribeProducersResponse
)
DESCRIBE_TRANSACTIONS = Api(
    65, "DescribeTransactions", 0, 0, 0, DescribeTransactionsRequest, DescribeTransactionsResponse
)
LIST_TRANSACTIONS = Api(
    66, "ListTransactions", 0, 1, 0, ListTransactionsRequest, ListTransactionsResponse
)
CONSUMER_GROUP_HEARTBEAT = Api(
    68,
    "ConsumerGroupHeartbeat",
    0,
    1,
    0,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
CONSUMER_GROUP_DESCRIBE = Api(
    69,
    "ConsumerGroupDescribe",
    0,
    1,
    0,
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
)
DESCRIBE_TOPIC_PARTITIONS = Api(
    75,
    "DescribeTopicPartitions",
    0,
    0,
    0,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
)

APIS: Mapping[int, Api] = {
    api.key: api
    for api in (
        PRODUCE,
        FETCH,
        LIST_OFFSETS,
        METADATA,
        OFFSET_COMMIT,
        OFFSET_FETCH,
        FIND_COORDINATOR,
        JOIN_GROUP,
        HEARTBEAT,
        LEAVE_GROUP,
        SYNC_GROUP,
        DESCRIBE_GROUPS,
        LIST_GROUPS,
        SASL_HANDSHAKE,
        API_VERSIONS,
        CREATE_TOPICS,
        DELETE_TOPICS,
        DELETE_RECORDS,
        INIT_PRODUCER_ID,
        OFFSET_FOR_LEADER_EPOCH,
        ADD_PARTITIONS_TO_TXN,
        ADD_OFFSETS_TO_TXN,
        END_TXN,
        TXN_OFFSET_COMMIT,
        DESCRIBE_ACLS,
        CREATE_ACLS,
        DELETE_ACLS,
        DESCRIBE_CONFIGS,
        ALTER_CONFIGS,
        DESCRIBE_LOG_DIRS,
        SASL_AUTHENTICATE,
        CREATE_PARTITIONS,
        DELETE_GROUPS,
        ELECT_LEADERS,
        INCREMENTAL_ALTER_CONFIGS,
        ALTER_PARTITION_REASSIGNMENTS,
        LIST_PARTITION_REASSIGNMENTS,
        OFFSET_DELETE,
        DESCRIBE_CLIENT_QUOTAS,
        ALTER_CLIENT_QUOTAS,
        DESCRIBE_USER_SCRAM_CREDENTIALS,
        ALTER_USER_SCRAM_CREDENTIALS,
        DESCRIBE_CLUSTER,
        DESCRIBE_PRODUCERS,
        DESCRIBE_TRANSACTIONS,
        LIST_TRANSACTIONS,
        CONSUMER_GROUP_HEARTBEAT,
        CONSUMER_GROUP_DESCRIBE,
        DESCRIBE_TOPIC_PARTITIONS,
    )
}


def reference_page() -> str:
    """Return docs/reference/kafka-apis.md: this table for readers."""
    lines = [
        "# Kafka APIs",
        "",
        "Written by `./tocsin docs` from the code; do not edit.",
        "",
        "What our broker answers, with the field names of the Kafka protocol guide. What is not",
        "listed is neither answered nor advertised; what an API leaves out stands under",
        '"Not done" at the top of its handler in `broker_core/handlers`.',
        "",
        "| Key | API | Versions | Flexible since | Request |",
        "|---|---|---|---|---|",
    ]
    for api in APIS.values():
        versions = f"{api.min_version} to {api.max_version}"
        if api.min_version == api.max_version:
            versions = str(api.min_version)
        flexible = str(api.flexible_since) if api.is_flexible(api.max_version) else "–"
        summary = (api.request.__doc__ or "").splitlines()[0].replace("``", "`")
        lines.append(f"| {api.key} | {api.name} | {versions} | {flexible} | {summary} |")
    return "\n".join(lines) + "\n"
