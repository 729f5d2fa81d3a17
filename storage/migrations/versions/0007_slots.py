"""slots, whom their places were promised to and who booked them, and who comes to which store"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, UtcTime

revision = "0007"
down_revision = "0006"

_ASKING = sa.text("next_wave_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "slots",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("store_id", Id, nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("price", sa.Float(53), nullable=True),
        sa.Column("filled", sa.Integer(), nullable=False),
        sa.Column("next_wave_at", UtcTime(), nullable=True),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_slots_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slots")),
        sa.UniqueConstraint(
            "brand_id", "mode", "external_id", name=op.f("uq_slots_brand_id_mode_external_id")
        ),
    )
    op.create_index(
        "ix_slots_asking",
        "slots",
        ["next_wave_at"],
        sqlite_where=_ASKING,
        postgresql_where=_ASKING,
    )
    op.create_index("ix_slots_ends_at", "slots", ["ends_at"])
    _of_slots("slot_promises", sa.Column("until", UtcTime(), nullable=False))
    _of_slots("slot_bookings", sa.Column("places", sa.Integer(), nullable=False))
    op.create_table(
        "patrons",
        sa.Column("store_id", Id, nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", "service", "customer_id", name=op.f("pk_patrons")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_patrons_customer_id", "patrons", ["customer_id"])
    for columns in (
        ["brand_id", "service", "times"],
        ["store_id", "service", "times"],
        ["store_id", "service", "last_day"],
    ):
        op.create_index("_".join(["ix_patrons", *columns]), "patrons", columns)


def downgrade() -> None:
    for table in ("patrons", "slot_bookings", "slot_promises", "slots"):
        op.drop_table(table)


def _of_slots(name: str, column: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("slot_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        column,
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f(f"fk_{name}_slot_id")),
        sa.PrimaryKeyConstraint("slot_id", "customer_id", name=op.f(f"pk_{name}")),
    )
    op.create_index(f"ix_{name}_customer_id", name, ["customer_id"])
