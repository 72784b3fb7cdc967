"""JSON for machines, versioned under ``/api/v1``; health and metrics beside it."""

from web.api import alerts, events, health, ledger, reference, rules

routers = (
    health.router,
    events.router,
    alerts.router,
    ledger.router,
    rules.router,
    reference.router,
)
