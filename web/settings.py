"""WebSettings: where the console listens, keeps its accounts and how long people stay signed in."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, PositiveInt

from pipeline.settings import Section


class WebSettings(Section):
    """The console and its API."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8440, ge=0, le=65535, description="Port to listen on.")
    tls_certificate: Path | None = Field(default=None, description="PEM chain; None: no TLS.")
    tls_key: Path | None = Field(default=None, description="PEM key of the certificate.")
    database_url: str = Field(
        default="sqlite:///console.sqlite3",
        description="Accounts and decisions: sqlite:///PATH, or postgresql+psycopg://… to share.",
    )
    status_url: str = Field(
        default="http://127.0.0.1:9440/healthz",
        description="Where the supervisor tells the state of every role.",
    )
    status_timeout: timedelta = Field(
        default=timedelta(seconds=2), description="Longest wait for the supervisor's answer."
    )
    organisation: str = Field(default="", description="Whose console it is; shown on top.")
    time_zone: str = Field(default="UTC", description="IANA zone in which times are shown.")
    session_idle: timedelta = Field(
        default=timedelta(hours=12), description="Signed out after that long without a request."
    )
    session_lifetime: timedelta = Field(
        default=timedelta(days=7), description="Signed out after that long in any case."
    )
    sign_in_tries: PositiveInt = Field(
        default=5, description="Wrong passwords for one name before a pause."
    )
    sign_in_tries_per_address: PositiveInt = Field(
        default=30, description="Wrong passwords from one address before a pause."
    )
    sign_in_pause: timedelta = Field(
        default=timedelta(minutes=15), description="Length of that pause."
    )
    stream_connections: PositiveInt = Field(
        default=200, description="Live pages at a time; further ones are asked to come back."
    )
    stream_interval: timedelta = Field(
        default=timedelta(seconds=2), description="Between two updates of a live page."
    )
    max_body_bytes: PositiveInt = Field(
        default=1 << 20, description="Largest request body the console reads."
    )
