"""who takes part in the measuring of effects, what people brought by day, and counts of what was decided"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from domain.holdout import PRE_DAYS, draw_of
from storage.models.base import Id, Json, UtcTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _create_members()
    _create_outcomes()
    _create_counts()
    _fill(op.get_bind())


def downgrade() -> None:
    op.drop_index("ix_messages_brand_id_created_at", "messages")
    for table in (
        "daily_counts",
        "outcome_remains",
        "outcome_days",
        "holdout_members",
        "holdout_shares",
    ):
        op.drop_table(table)


def _create_members() -> None:
    op.create_table(
        "holdout_shares",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("share", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_holdout_shares_brand_id")
        ),
        sa.PrimaryKeyConstraint("brand_id", "since", name=op.f("pk_holdout_shares")),
    )
    op.create_table(
        "holdout_members",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("draw", sa.Float(53), nullable=False),
        sa.Column("enrolled_at", UtcTime(), nullable=False),
        sa.Column("enrolled_day", sa.Integer(), nullable=False),
        sa.Column("pre_visits", sa.Integer(), nullable=False),
        sa.Column("pre_value", sa.Float(53), nullable=False),
        sa.Column("said_day", sa.Integer(), nullable=True),
        sa.Column("said_offer_id", Id, nullable=True),
        sa.Column("mixed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_holdout_members_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_holdout_members")),
    )
    op.create_index("ix_holdout_members_brand_id", "holdout_members", ["brand_id"])


def _create_outcomes() -> None:
    op.create_table(
        "outcome_days",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("signs", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "day", "customer_id", name=op.f("pk_outcome_days")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_outcome_days_customer_id", "outcome_days", ["customer_id"])
    op.create_table(
        "outcome_remains",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("scope", sa.String(36), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("pre_visits", sa.Integer(), nullable=False),
        sa.Column("pre_value", sa.Float(53), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_outcome_remains_brand_id")
        ),
        sa.PrimaryKeyConstraint(
            "brand_id", "scope", "epoch", "held", "day", name=op.f("pk_outcome_remains")
        ),
    )


def _create_counts() -> None:
    names = ("brand_id", "mode", "day", "what", "cause", "code", "offer", "part")
    op.create_table(
        "daily_counts",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(4), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("offer", sa.String(200), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_daily_counts_brand_id")),
        sa.PrimaryKeyConstraint(*names, name=op.f("pk_daily_counts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_messages_brand_id_created_at", "messages", ["brand_id", "created_at"])


_BRANDS = sa.table(
    "brands",
    sa.column("id", Id),
    sa.column("time_zone", sa.String),
    sa.column("policy", Json),
    sa.column("created_at", UtcTime()),
)
_CUSTOMERS = sa.table("customers", sa.column("id", Id), sa.column("mode", sa.String))
_VISITS = sa.table(
    "visits",
    *(sa.column(name, Id) for name in ("brand_id", "customer_id", "store_id")),
    sa.column("dwelled_at", UtcTime()),
)
_EVENTS = sa.table(
    "events",
    *(sa.column(name, Id) for name in ("brand_id", "customer_id", "device_id")),
    sa.column("mode", sa.String),
    sa.column("type", sa.String),
    sa.column("occurred_at", UtcTime()),
    sa.column("body", Json),
)
_DECISIONS = sa.table(
    "decisions",
    *(sa.column(name, Id) for name in ("brand_id", "customer_id", "offer_id")),
    sa.column("mode", sa.String),
    sa.column("outcome", sa.String),
    sa.column("decided_at", UtcTime()),
    sa.column("reasons", Json),
)


def _fill(connection: sa.Connection) -> None:
    """What can be told of the time before: the share in force, what people brought, and who was spoken to."""
    for brand in connection.execute(sa.select(_BRANDS)).all():
        share = (brand.policy or {}).get("holdout_share", 0.1)
        _add(
            connection,
            "holdout_shares",
            [{"brand_id": brand.id, "since": brand.created_at, "share": share}],
        )
        days = _outcomes(connection, brand)
        _add(
            connection,
            "outcome_days",
            [
                {"brand_id": brand.id, "day": d, "customer_id": c, "signs": s, "value": v}
                for (c, d), (s, v) in days.items()
            ],
        )
        _add(connection, "holdout_members", list(_members(connection, brand, days, share)))


def _outcomes(connection: sa.Connection, brand: Any) -> dict[tuple[str, int], tuple[int, float]]:
    zone, live = ZoneInfo(brand.time_zone), _CUSTOMERS.c.mode == "live"
    days: defaultdict[tuple[str, int], tuple[int, float]] = defaultdict(lambda: (0, 0.0))

    def seen(customer_id: str, at: datetime, sign: int, value: float) -> None:
        key = (customer_id, at.astimezone(zone).toordinal())
        days[key] = (days[key][0] | sign, days[key][1] + value)

    visits = sa.select(_VISITS).join(_CUSTOMERS, _CUSTOMERS.c.id == _VISITS.c.customer_id)
    at_stores = (_VISITS.c.store_id.is_not(None), _VISITS.c.dwelled_at.is_not(None))
    for row in connection.execute(visits.where(_VISITS.c.brand_id == brand.id, live, *at_stores)):
        seen(row.customer_id, row.dwelled_at, 1, 0.0)
    events = sa.select(_EVENTS).where(_EVENTS.c.brand_id == brand.id, _EVENTS.c.mode == "live")
    for row in connection.execute(events.where(_EVENTS.c.type.in_(("visit", "order", "beacon")))):
        told = 4 if row.device_id is None else 1
        order = row.type == "order"
        value = float((row.body or {}).get("amount") or 0.0) if order else 0.0
        seen(row.customer_id, row.occurred_at, 2 if order else told, value)
    return dict(days)


def _members(
    connection: sa.Connection, brand: Any, days: dict[Any, tuple[int, float]], share: float
) -> Any:
    """Everybody ever decided about. Whose side the present share does not explain counts in neither arm."""
    zone = ZoneInfo(brand.time_zone)
    query = sa.select(_DECISIONS).where(
        _DECISIONS.c.brand_id == brand.id,
        _DECISIONS.c.mode == "live",
        _DECISIONS.c.customer_id.is_not(None),
    )
    known: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query.order_by(_DECISIONS.c.decided_at)):
        at = row.decided_at.astimezone(UTC)
        draw = draw_of(brand.id, row.customer_id)
        first = {"enrolled_at": at, "draw": draw, "said_day": None, "said_offer_id": None}
        member = known.setdefault(row.customer_id, {**first, "mixed": False})
        ghost = any(reason.get("code") == "holdout" for reason in row.reasons or ())
        sent = row.outcome == "send"
        if (ghost or sent) and member["said_day"] is None:
            day = at.astimezone(zone).toordinal()
            member.update(said_day=day, said_offer_id=row.offer_id)
        member["mixed"] |= (sent and draw < share) or (ghost and draw >= share)
    for customer_id, member in known.items():
        day = member["enrolled_at"].astimezone(zone).toordinal()
        past = [days.get((customer_id, each), (0, 0.0)) for each in range(day - PRE_DAYS, day)]
        yield {
            **member,
            "customer_id": customer_id,
            "brand_id": brand.id,
            "enrolled_day": day,
            "pre_visits": sum(signs > 0 for signs, _ in past),
            "pre_value": sum(value for _, value in past),
        }


def _add(connection: sa.Connection, name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    kinds: dict[str, Any] = {
        "since": UtcTime(),
        "enrolled_at": UtcTime(),
        "brand_id": Id,
        "customer_id": Id,
        "said_offer_id": Id,
    }
    table = sa.table(name, *(sa.column(each, kinds.get(each)) for each in rows[0]))
    connection.execute(sa.insert(table), rows)
