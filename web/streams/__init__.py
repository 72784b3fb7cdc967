"""Server-sent events: what keeps the overview, the alerts and the pipeline live."""

from web.streams.alerts import router as _alerts
from web.streams.overview import router as _overview
from web.streams.pipeline import router as _pipeline

routers = (_overview, _alerts, _pipeline)
