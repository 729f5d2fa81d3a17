"""what answers taught, of everybody and of each person, and the decisions whose answers are awaited"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, Json, UtcTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    _evidence("model_evidence", "brand_id", sa.ForeignKeyConstraint(
        ["brand_id"], ["brands.id"], name=op.f("fk_model_evidence_brand_id")
    ))  # fmt: skip
    _evidence("person_evidence", "customer_id")
    op.create_table(
        "model_spreads",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("term_group", sa.String(20), nullable=False),
        sa.Column("moved", sa.Float(53), nullable=False),
        sa.Column("gained", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_model_spreads_brand_id")
        ),
        sa.PrimaryKeyConstraint("brand_id", "term_group", name=op.f("pk_model_spreads")),
    )
    op.create_table(
        "open_decisions",
        sa.Column("decision_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("pushed", sa.Boolean(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("visit_until", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("odds", sa.Float(53), nullable=False),
        sa.Column("stores", Json, nullable=False),
        sa.Column("terms", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_open_decisions_brand_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_open_decisions")),
    )
    op.create_index("ix_open_decisions_due_at", "open_decisions", ["due_at"])
    op.create_index("ix_open_decisions_customer_id", "open_decisions", ["customer_id"])


def downgrade() -> None:
    for table in ("open_decisions", "model_spreads", "person_evidence", "model_evidence"):
        op.drop_table(table)


def _evidence(name: str, whose: str, *constraints: sa.ForeignKeyConstraint) -> None:
    op.create_table(
        name,
        sa.Column(whose, Id, nullable=False),
        sa.Column("term_group", sa.String(20), nullable=False),
        sa.Column("term_value", sa.String(300), nullable=False),
        sa.Column("pull", sa.Float(53), nullable=False),
        sa.Column("weight", sa.Float(53), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        *constraints,
        sa.PrimaryKeyConstraint(whose, "term_group", "term_value", name=op.f(f"pk_{name}")),
        sqlite_with_rowid=False,
    )
