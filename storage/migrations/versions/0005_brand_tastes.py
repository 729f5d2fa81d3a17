"""what all of a brand's people choose"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, UtcTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "brand_tastes",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_brand_tastes_brand_id")),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_brand_tastes")),
    )


def downgrade() -> None:
    op.drop_table("brand_tastes")
