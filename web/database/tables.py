"""The console's tables, as SQLAlchemy classes. Their history is in ``migrations``.

Times are UTC and carry their zone; SQLite keeps them as text. Passwords are argon2 hashes, tokens
and session cookies SHA-256 digests: nothing in here signs anybody in by itself.
"""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, ForeignKey, LargeBinary, MetaData, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """A time with a zone; stored in UTC, read back in UTC also from SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Every table of the console."""

    metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s"})
    type_annotation_map = {str: Text, datetime: UtcTime, bytes: LargeBinary}  # noqa: RUF012


class KeyRow(Table):
    """A random key that every console over this database shares, for example to sign cookies."""

    __tablename__ = "key"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class AccountRow(Table):
    """A person who may sign in."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str] = mapped_column(default="")
    role: Mapped[str]
    password_hash: Mapped[str]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    theme: Mapped[str] = mapped_column(default="")
    single_keys: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime]
    last_sign_in: Mapped[datetime | None]


class SessionRow(Table):
    """A browser that is signed in."""

    __tablename__ = "session"

    digest: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    csrf: Mapped[str]
    created: Mapped[datetime]
    seen: Mapped[datetime]
    address: Mapped[str]
    agent: Mapped[str]


class SignInTryRow(Table):
    """Wrong passwords for one name or from one address, and the pause they led to."""

    __tablename__ = "sign_in_try"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last: Mapped[datetime]
    paused_until: Mapped[datetime | None]


class TokenRow(Table):
    """An API or ingest token."""

    __tablename__ = "token"

    id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    name: Mapped[str]
    role: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    created: Mapped[datetime]
    created_by: Mapped[str]
    last_used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class OutboxRow(Table):
    """A record that must reach the bus, written in the transaction that decided it."""

    __tablename__ = "outbox"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    topic: Mapped[str]
    value: Mapped[bytes]
    written: Mapped[datetime]


class AuditRow(Table):
    """Who did what, when, from where."""

    __tablename__ = "audit"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]


class AlertStateRow(Table):
    """What people decided about an alert; one without a row is open."""

    __tablename__ = "alert_state"

    alert_id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]
    assignee: Mapped[str]
    changed: Mapped[datetime]
    changed_by: Mapped[str]


class AlertChangeRow(Table):
    """One step in the history of an alert's state; a note is a step that changes nothing else."""

    __tablename__ = "alert_change"

    alert_id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str]
    assignee: Mapped[str]
    note: Mapped[str]
    time: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]


class RuleStateRow(Table):
    """Whether a rule is evaluated; one without a row is."""

    __tablename__ = "rule_state"

    rule_id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    enabled: Mapped[bool]
    changed: Mapped[datetime]
    changed_by: Mapped[str]


class WebhookRow(Table):
    """Where alerts are sent."""

    __tablename__ = "webhook"

    id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    name: Mapped[str]
    url: Mapped[str]
    secret: Mapped[str]
    minimum_level: Mapped[str]
    enabled: Mapped[bool]
    removed: Mapped[bool]
    changed: Mapped[datetime]
    changed_by: Mapped[str]
    tests: Mapped[int] = mapped_column(default=0)
    tested: Mapped[datetime | None]
    tested_by: Mapped[str] = mapped_column(default="")
