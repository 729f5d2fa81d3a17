"""places of people, and the stay that each phone is at"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "places",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_places_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_places")),
    )
    with op.batch_alter_table("places") as batch_op:
        batch_op.create_index(batch_op.f("ix_places_updated_at"), ["updated_at"], unique=False)
    with op.batch_alter_table("device_positions") as batch_op:
        batch_op.add_column(sa.Column("stay", sa.LargeBinary(), nullable=True))
    _one_open_habit("cause = 'habit' AND decided_at IS NULL AND key < 'a'")


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM moments WHERE cause = 'habit' AND key >= 'a'"))
    _one_open_habit("cause = 'habit' AND decided_at IS NULL")
    with op.batch_alter_table("device_positions") as batch_op:
        batch_op.drop_column("stay")
    with op.batch_alter_table("places") as batch_op:
        batch_op.drop_index(batch_op.f("ix_places_updated_at"))
    op.drop_table("places")


def _one_open_habit(where: str) -> None:
    """A person has one open moment of their rhythm; a moment of their workplace may be open beside it."""
    op.drop_index("uq_moments_open_habit", table_name="moments")
    op.create_index(
        "uq_moments_open_habit",
        "moments",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )
