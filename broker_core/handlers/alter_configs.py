"""API key 33, AlterConfigs, versions 0 to 2: replace everything that topics set.

What a topic sets and the request does not name goes back to its default; so it is the same as an
IncrementalAlterConfigs that says both, and is handled as one.

Not done: settings of the broker; those are in its configuration file.
"""

from broker_core.handlers import incremental_alter_configs
from broker_core.handlers.services import Call
from broker_core.protocol.messages import incremental_alter_configs as incremental
from broker_core.protocol.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResource,
    AlterConfigsResponse,
)

SET, DELETE = 0, 1


async def handle(request: AlterConfigsRequest, call: Call) -> AlterConfigsResponse:
    """Change the resources one after the other; each changes as a whole or not at all."""
    answer = await incremental_alter_configs.handle(
        incremental.IncrementalAlterConfigsRequest(
            resources=tuple(_as_changes(resource, call) for resource in request.resources),
            validate_only=request.validate_only,
        ),
        call,
    )
    return AlterConfigsResponse(responses=answer.responses)


def _as_changes(resource: AlterConfigsResource, call: Call) -> incremental.AlterConfigsResource:
    """The changes that lead from what is set to what shall be."""
    wanted = {one.name: one.value for one in resource.configs if one.value is not None}
    topic = call.services.topology.state.topics.get(resource.resource_name)
    gone = () if topic is None else [name for name in topic.configs if name not in wanted]
    changes = [_change(name, SET, value) for name, value in wanted.items()]
    return incremental.AlterConfigsResource(
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=(*changes, *(_change(name, DELETE, None) for name in gone)),
    )


def _change(name: str, operation: int, value: str | None) -> incremental.AlterableConfig:
    return incremental.AlterableConfig(name=name, config_operation=operation, value=value)
