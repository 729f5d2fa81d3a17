"""what a decision rests on as a compact record that is kept for a time, by which fences a moment arose, how often was learned"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, UtcTime

revision = "0010"
down_revision = "0009"

_KEPT = "record IS NOT NULL OR inputs IS NOT NULL"


def upgrade() -> None:
    op.add_column("decisions", sa.Column("record", sa.LargeBinary(), nullable=True))
    op.add_column("decisions", sa.Column("pruned_at", UtcTime(), nullable=True))
    op.create_index(
        "ix_decisions_kept",
        "decisions",
        ["decided_at"],
        sqlite_where=sa.text(_KEPT),
        postgresql_where=sa.text(_KEPT),
    )
    op.add_column("moments", sa.Column("fences_revision", sa.Integer(), nullable=True))
    op.create_table(
        "model_revisions",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_model_revisions_brand_id")
        ),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_model_revisions")),
    )


def downgrade() -> None:
    op.drop_table("model_revisions")
    op.drop_column("moments", "fences_revision")
    op.drop_index("ix_decisions_kept", "decisions")
    op.drop_column("decisions", "pruned_at")
    op.drop_column("decisions", "record")
