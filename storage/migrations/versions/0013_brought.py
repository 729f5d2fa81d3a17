"""the chance that a visit which answers a push would have come anyway"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "open_decisions",
        sa.Column("anyway", sa.Float(53), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    op.drop_column("open_decisions", "anyway")
