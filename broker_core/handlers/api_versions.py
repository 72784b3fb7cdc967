"""API key 18, ApiVersions, versions 0 to 4: which APIs and versions are answered here.

The answer is the table of ``broker_core.protocol.api_keys`` and cannot say anything else.
A newer version than 4 is answered with error 35 in version 0 (KIP-511), by dispatch.

Not done: cluster features (KIP-584); there are none.
"""

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.api_keys import APIS
from broker_core.protocol.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
)


def supported(error: ErrorCode) -> ApiVersionsResponse:
    """Return everything that is spoken here, under that error code."""
    return ApiVersionsResponse(
        error_code=error,
        api_keys=tuple(
            ApiVersion(api_key=api.key, min_version=api.min_version, max_version=api.max_version)
            for api in APIS.values()
        ),
    )


async def handle(request: ApiVersionsRequest, call: Call) -> ApiVersionsResponse:
    """Answer with the table."""
    return supported(ErrorCode.NONE)
