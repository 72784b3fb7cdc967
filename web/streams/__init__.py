"""Server-sent events: what keeps the overview and the alerts live."""

from web.streams import alerts, overview

routers = (overview.router, alerts.router)
