"""Every metric of the supervisor and of every process's logs, declared once."""

from prometheus_client import Counter, Gauge

ROLE_RUNNING = Gauge(
    "tocsin_role_running", "1 while the role answers its /healthz, else 0.", ["role"]
)
ROLE_RESTARTS = Counter(
    "tocsin_role_restarts_total", "Times a role ended and was started again.", ["role"]
)
LOG_LINES_LOST = Counter(
    "tocsin_log_lines_lost_total",
    "Log lines that could not be written: the disk is full, or nobody reads them any more.",
)
