"""which fence each change was of"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "fence_edits",
        sa.Column("geofence_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_fence_edits_brand_id")),
        sa.PrimaryKeyConstraint("geofence_id", name=op.f("pk_fence_edits")),
    )
    with op.batch_alter_table("fence_edits") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_fence_edits_brand_id_revision"), ["brand_id", "revision"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("fence_edits") as batch_op:
        batch_op.drop_index(batch_op.f("ix_fence_edits_brand_id_revision"))

    op.drop_table("fence_edits")
