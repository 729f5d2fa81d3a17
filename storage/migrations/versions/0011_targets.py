"""labels of projects, the installs behind targets, targets under suspicion, and what the push service reports"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, Json, UtcTime

revision = "0011"
down_revision = "0010"

_LIVE = sa.text("retired_at IS NULL")
_SUSPECT = sa.text("suspect_at IS NOT NULL")
_WITH_TARGET = sa.text("target_value IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("label", sa.String(50), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project", "label", name=op.f("pk_labels")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery_reports",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("app", sa.String(200), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(50), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("shares", Json, nullable=False),
        sa.PrimaryKeyConstraint(
            "brand_id", "app", "day", "label", name=op.f("pk_delivery_reports")
        ),
    )
    op.add_column("devices", sa.Column("fid", sa.String(22), nullable=True))
    op.add_column("devices", sa.Column("suspect_at", UtcTime(), nullable=True))
    op.add_column("devices", sa.Column("suspect_reason", sa.String(40), nullable=True))
    op.execute(
        "UPDATE devices SET fid = substr(target_value, 1, 22) WHERE retired_at IS NULL AND ("
        "(target_kind = 'token' AND substr(target_value, 23, 1) = ':')"
        " OR (target_kind = 'fid' AND length(target_value) = 22))"
    )
    # A short prefix with a colon in it is no installation id.
    op.execute("UPDATE devices SET fid = NULL WHERE fid LIKE '%:%'")
    _index("ix_devices_fid", ["brand_id", "mode", "fid"], _LIVE)
    _index("ix_devices_suspect", ["brand_id"], _SUSPECT)
    _index("ix_devices_seen", ["last_seen_at"], _WITH_TARGET)


def downgrade() -> None:
    for name in ("ix_devices_seen", "ix_devices_suspect", "ix_devices_fid"):
        op.drop_index(name, "devices")
    for column in ("suspect_reason", "suspect_at", "fid"):
        op.drop_column("devices", column)
    op.drop_table("delivery_reports")
    op.drop_table("labels")


def _index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "devices", columns, sqlite_where=where, postgresql_where=where)
