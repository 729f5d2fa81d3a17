"""which messages nobody waits for, and what the push service says of an offer before it is sent"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, UtcTime

revision = "0012"
down_revision = "0011"

_BACKLOG = sa.text("state IN ('queued', 'sending', 'unknown')")


def upgrade() -> None:
    op.add_column(
        "messages", sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _index_again(["state", "brand_id", "mode", "bulk", "due_at"])
    op.create_table(
        "offer_checks",
        sa.Column("offer_id", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("platform", sa.String(10), nullable=False),
        sa.Column("refusal", sa.String(300), nullable=True),
        sa.Column("checked_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "offer_id", "revision", "project", "platform", name=op.f("pk_offer_checks")
        ),
    )


def downgrade() -> None:
    op.drop_table("offer_checks")
    _index_again(["state", "due_at"])
    op.drop_column("messages", "bulk")


def _index_again(columns: list[str]) -> None:
    op.drop_index("ix_messages_backlog", "messages")
    op.create_index(
        "ix_messages_backlog",
        "messages",
        columns,
        sqlite_where=_BACKLOG,
        postgresql_where=_BACKLOG,
    )
