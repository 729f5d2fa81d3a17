"""Webhooks of a brand: what they are, and which people and messages they serve."""

import base64
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from domain.errors import Conflict, NotFound, Stale
from domain.ids import new_id
from domain.people import Mode
from domain.webhooks import Serves, Webhook
from storage.engine import Transaction
from storage.models import CustomerRow, DeliveryRow, MessageRow, WebhookRow
from storage.sql import among, locked

OVERLAP = timedelta(hours=24)
MOST = 20  # webhooks of one brand and mode
_SECRET_BYTES = 32
_OF_BRANDS = sa.select(WebhookRow.__table__).where(
    WebhookRow.brand_id.in_(sa.bindparam("brands", expanding=True)),
    WebhookRow.disabled_at.is_(None),
)
_IN_REACH = (
    sa.select(CustomerRow.id)
    .join(
        WebhookRow,
        sa.and_(WebhookRow.brand_id == CustomerRow.brand_id, WebhookRow.mode == CustomerRow.mode),
    )
    .where(CustomerRow.external_id.is_not(None), WebhookRow.disabled_at.is_(None))
)


def put(
    tx: Transaction,
    *,
    brand_id: str,
    mode: Mode,
    external_id: str,
    url: str,
    serves: Serves,
    offers: Sequence[str],
    now: datetime,
    expected: int | None = None,
) -> tuple[Webhook, bool]:
    """Adds or replaces a webhook; says whether it is new. One that was disabled takes messages again.

    Its id and secret stay; a new one gets a secret of its own. Stale where `expected` is not the newest revision,
    Conflict where a brand has too many.
    """
    found = tx.execute(
        locked(tx, _one(brand_id=brand_id, mode=mode, external_id=external_id))
    ).one_or_none()
    if expected is not None and (found is None or found.revision != expected):
        raise Stale("This webhook was changed meanwhile; read it again and repeat your change.")
    what = {
        "url": url,
        "serves": serves,
        "offers": list(offers),
        "disabled_at": None,
        "updated_at": now,
    }
    if found:
        change = sa.update(WebhookRow).where(WebhookRow.id == found.id)
        tx.execute(change.values(**what, revision=WebhookRow.revision + 1))
    else:
        if len(of_brand(tx, brand_id=brand_id, mode=mode)) >= MOST:
            raise Conflict(f"A brand has {MOST} webhooks at most; delete one first.")
        names = {"id": new_id(), "brand_id": brand_id, "mode": mode, "external_id": external_id}
        tx.execute(sa.insert(WebhookRow).values(**names, **what, secret=_new_secret(), revision=1))
    saved = get(tx, brand_id=brand_id, mode=mode, external_id=external_id)
    return saved, found is None


def get(tx: Transaction, *, brand_id: str, mode: Mode, external_id: str) -> Webhook:
    row = tx.execute(_one(brand_id=brand_id, mode=mode, external_id=external_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no webhook {external_id!r}.")
    return _webhook(row)


def of_brand(tx: Transaction, *, brand_id: str, mode: Mode) -> list[Webhook]:
    """All of a brand's, disabled ones included, by external id."""
    query = sa.select(WebhookRow.__table__).where(
        WebhookRow.brand_id == brand_id, WebhookRow.mode == mode
    )
    return [_webhook(row) for row in tx.execute(query.order_by(WebhookRow.external_id))]


def rotate(
    tx: Transaction, *, brand_id: str, mode: Mode, external_id: str, now: datetime
) -> Webhook:
    """Gives a webhook a new secret; what it had signs besides for `OVERLAP`."""
    query = locked(tx, _one(brand_id=brand_id, mode=mode, external_id=external_id))
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no webhook {external_id!r}.")
    tx.execute(
        sa.update(WebhookRow)
        .where(WebhookRow.id == row.id)
        .values(
            secret=_new_secret(),
            previous_secret=row.secret,
            previous_until=now + OVERLAP,
            revision=WebhookRow.revision + 1,
            updated_at=now,
        )
    )
    return get(tx, brand_id=brand_id, mode=mode, external_id=external_id)


def delete(tx: Transaction, *, brand_id: str, mode: Mode, external_id: str) -> None:
    webhook = get(tx, brand_id=brand_id, mode=mode, external_id=external_id)
    tx.execute(sa.delete(WebhookRow).where(WebhookRow.id == webhook.id))


def disable(tx: Transaction, ids: Collection[str], *, now: datetime) -> None:
    """Those of `ids` that are webhooks take no more messages until they are saved again."""
    tx.execute(
        sa.update(WebhookRow)
        .where(among(tx, WebhookRow.id, ids), WebhookRow.disabled_at.is_(None))
        .values(disabled_at=now)
    )


def of_brands(tx: Transaction, brand_ids: Collection[str]) -> dict[tuple[str, Mode], list[Webhook]]:
    """The webhooks in force of some brands, by brand and mode."""
    found: dict[tuple[str, Mode], list[Webhook]] = {}
    for row in tx.execute(_OF_BRANDS, {"brands": sorted(brand_ids)}):
        webhook = _webhook(row)
        found.setdefault((webhook.brand_id, webhook.mode), []).append(webhook)
    return found


def in_reach(tx: Transaction, customer_ids: Collection[str]) -> set[str]:
    """Those of these people whose messages a webhook takes whatever the offer. The brand must know them by name."""
    if not customer_ids:
        return set()
    rows = tx.execute(
        _IN_REACH.where(among(tx, CustomerRow.id, customer_ids)).add_columns(WebhookRow.offers)
    )
    return {row.id for row in rows if not row.offers}


def names(tx: Transaction, message_ids: Collection[str]) -> dict[str, str]:
    """By message: the external id of whom it is for, where they have one and nothing of it was posted to a phone yet."""
    rows = tx.execute(
        sa.select(MessageRow.id, CustomerRow.external_id)
        .join(CustomerRow, CustomerRow.id == MessageRow.customer_id)
        .outerjoin(DeliveryRow, DeliveryRow.message_id == MessageRow.id)
        .where(
            among(tx, MessageRow.id, message_ids),
            CustomerRow.external_id.is_not(None),
            DeliveryRow.id.is_(None),
        )
    )
    return {row.id: row.external_id for row in rows}


def _one(*, brand_id: str, mode: Mode, external_id: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(WebhookRow.__table__).where(
        WebhookRow.brand_id == brand_id,
        WebhookRow.mode == mode,
        WebhookRow.external_id == external_id,
    )


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _webhook(row: sa.Row[tuple[object, ...]]) -> Webhook:
    return msgspec.convert(row._mapping, Webhook)
