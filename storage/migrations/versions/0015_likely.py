"""the chance of an answer to a push, as it was foretold"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column(
        "open_decisions",
        sa.Column("likely", sa.Float(53), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    op.drop_column("open_decisions", "likely")
