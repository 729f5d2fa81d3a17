"""Brands and their policy."""

import secrets
from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.errors import Conflict, NotFound, Stale
from domain.ids import new_id
from domain.policy import Brand, Policy
from storage import holdouts
from storage.engine import Transaction
from storage.models import BrandRow
from storage.sql import among, insert, locked

_ZONE = sa.select(BrandRow.time_zone).where(BrandRow.id == sa.bindparam("brand"))


def create(
    tx: Transaction,
    *,
    slug: str,
    name: str,
    time_zone: str,
    now: datetime,
    fcm_project: str | None = None,
    fcm_credentials: str | None = None,
) -> Brand:
    """Adds a brand with a fresh signing secret; Conflict where the slug is taken."""
    row = {
        "id": new_id(),
        "slug": slug,
        "name": name,
        "time_zone": time_zone,
        "signing_secret": secrets.token_urlsafe(32),
        "ledger_key": secrets.token_urlsafe(32),
        "fcm_project": fcm_project,
        "fcm_credentials": fcm_credentials,
        "policy": msgspec.to_builtins(Policy()),
        "created_at": now,
    }
    added = tx.execute(
        insert(tx, BrandRow).values(row).on_conflict_do_nothing(index_elements=["slug"])
    )
    if not added.rowcount:
        raise Conflict(f"A brand named {slug!r} exists already; choose another slug.")
    holdouts.set_share(tx, str(row["id"]), Policy().holdout_share, now=now)
    return by_id(tx, str(row["id"]))


def by_id(tx: Transaction, brand_id: str) -> Brand:
    return _one(tx, sa.select(BrandRow.__table__).where(BrandRow.id == brand_id))


def of_many(tx: Transaction, brand_ids: Collection[str]) -> dict[str, Brand]:
    """The brands of these ids, each read anew."""
    rows = tx.execute(sa.select(BrandRow.__table__).where(among(tx, BrandRow.id, brand_ids)))
    return {row.id: _brand(row) for row in rows}


def by_slug(tx: Transaction, slug: str) -> Brand:
    return _one(tx, sa.select(BrandRow.__table__).where(BrandRow.slug == slug))


def zone(tx: Transaction, brand_id: str) -> str:
    """The zone whose days the brand counts by."""
    found: str = tx.execute(_ZONE, {"brand": brand_id}).scalar_one()
    return found


def everyone(tx: Transaction) -> list[Brand]:
    rows = tx.execute(sa.select(BrandRow.__table__).order_by(BrandRow.slug))
    return [_brand(row) for row in rows]


def update(tx: Transaction, brand_id: str, **columns: str | None) -> Brand:
    """Changes name, time_zone, fcm_project or fcm_credentials."""
    tx.execute(sa.update(BrandRow).where(BrandRow.id == brand_id).values(**columns))
    return by_id(tx, brand_id)


def rotate_secret(tx: Transaction, brand_id: str) -> Brand:
    """Replaces the signing secret; tokens signed with the old one stop working at once."""
    return update(tx, brand_id, signing_secret=secrets.token_urlsafe(32))


def policy_to_change(tx: Transaction, brand_id: str) -> Policy:
    """The newest policy, kept from other writers until the end of the transaction."""
    query = sa.select(BrandRow.policy).where(BrandRow.id == brand_id)
    return msgspec.convert(tx.execute(locked(tx, query)).scalar_one(), Policy)


def save_policy(
    tx: Transaction,
    brand_id: str,
    policy: Policy,
    *,
    expected: int | None,
    now: datetime | None = None,
) -> Policy:
    """Stores `policy` as the next revision; Stale where `expected` is not the newest.

    `now` is since when another share of the people is held out; without it, since ever, as for a brand that begins.
    """
    newest = policy_to_change(tx, brand_id)
    if expected is not None and expected != newest.revision:
        raise Stale("The policy was changed meanwhile; read it again and repeat your change.")
    saved = msgspec.structs.replace(policy, revision=newest.revision + 1)
    tx.execute(
        sa.update(BrandRow).where(BrandRow.id == brand_id).values(policy=msgspec.to_builtins(saved))
    )
    holdouts.set_share(tx, brand_id, saved.holdout_share, now=now)
    return saved


def _one(tx: Transaction, query: sa.Select[tuple[object, ...]]) -> Brand:
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such brand; `whenabouts brands list` shows those there are.")
    return _brand(row)


def _brand(row: sa.Row[tuple[object, ...]]) -> Brand:
    return msgspec.convert(row._mapping, Brand, from_attributes=True)
