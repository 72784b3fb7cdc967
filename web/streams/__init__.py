"""Server-sent events: what keeps the overview and the alerts live."""

from web.streams.alerts import router as _alerts
from web.streams.overview import router as _overview

routers = (_overview, _alerts)
