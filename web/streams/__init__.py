"""Server-sent events: what keeps the overview, the alerts, the pipeline and the live tail going."""

from web.streams.alerts import router as _alerts
from web.streams.overview import router as _overview
from web.streams.pipeline import router as _pipeline
from web.streams.tail import router as _tail

routers = (_overview, _alerts, _pipeline, _tail)
