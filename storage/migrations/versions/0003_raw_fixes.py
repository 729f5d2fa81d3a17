"""positions as they came, for brands that keep them, and stores by position"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "raw_fixes",
        sa.Column("device_id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("accuracy_m", sa.Float(precision=53), nullable=False),
        sa.Column("background", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", UtcTime(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "event_id", name=op.f("pk_raw_fixes")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("raw_fixes") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_raw_fixes_brand_id_received_at"),
            ["brand_id", "received_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_raw_fixes_customer_id"), ["customer_id"], unique=False)
    with op.batch_alter_table("stores") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_stores_brand_id_latitude"), ["brand_id", "latitude"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("stores") as batch_op:
        batch_op.drop_index(batch_op.f("ix_stores_brand_id_latitude"))
    op.drop_table("raw_fixes")
