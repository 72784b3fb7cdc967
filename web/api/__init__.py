"""JSON for machines, versioned under ``/api/v1``; health and metrics beside it."""

from web.api import health

routers = (health.router,)
