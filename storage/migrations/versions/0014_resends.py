"""how often a message was queued again because its answer was lost"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column(
        "messages", sa.Column("resends", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("messages", "resends")
