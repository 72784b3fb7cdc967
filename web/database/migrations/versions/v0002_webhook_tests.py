"""When a destination was tested last, and by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Remember it beside the destination."""
    for column in (
        sa.Column("tests", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tested", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tested_by", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("webhook", column)
