"""a brand's own addresses that take messages"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, Json, UtcTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("serves", sa.String(20), nullable=False),
        sa.Column("offers", Json, nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("previous_secret", sa.String(100), nullable=True),
        sa.Column("previous_until", UtcTime(), nullable=True),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_webhooks_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint(
            "brand_id", "mode", "external_id", name=op.f("uq_webhooks_brand_id_mode_external_id")
        ),
    )


def downgrade() -> None:
    op.drop_table("webhooks")
