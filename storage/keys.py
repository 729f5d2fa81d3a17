"""Publishable and secret keys, and the lookup of any credential."""

from datetime import datetime

import sqlalchemy as sa

from domain.access import CredentialKind, Principal, Scope, digest, new_credential
from domain.errors import NotFound
from domain.ids import new_id
from domain.people import Mode
from domain.values import Value
from storage.engine import Transaction
from storage.models import DeviceRow, KeyRow


class Key(Value):
    """A key without its secret, which nobody can read again."""

    id: str
    kind: CredentialKind
    mode: Mode
    scopes: tuple[Scope, ...]
    label: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def create(
    tx: Transaction,
    *,
    brand_id: str,
    kind: CredentialKind,
    mode: Mode,
    now: datetime,
    scopes: tuple[Scope, ...] = (),
    label: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[Key, str]:
    """Adds a key; returns it with the secret text, which is shown this once."""
    text = new_credential(kind, mode)
    key = Key(
        id=new_id(),
        kind=kind,
        mode=mode,
        scopes=scopes,
        label=label,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    tx.execute(
        sa.insert(KeyRow).values(
            id=key.id,
            brand_id=brand_id,
            kind=kind.value,
            mode=mode.value,
            token_hash=digest(text),
            scopes=[scope.value for scope in scopes],
            label=label,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return key, text


def revoke(tx: Transaction, *, brand_id: str, key_id: str, now: datetime) -> None:
    """Ends a key at once; NotFound where the brand has no such key. Repeating it changes nothing."""
    mine = sa.and_(KeyRow.id == key_id, KeyRow.brand_id == brand_id)
    if tx.execute(sa.select(KeyRow.id).where(mine)).one_or_none() is None:
        raise NotFound("This brand has no such key.")
    tx.execute(sa.update(KeyRow).where(mine, KeyRow.revoked_at.is_(None)).values(revoked_at=now))


def of_brand(tx: Transaction, brand_id: str) -> list[Key]:
    rows = tx.execute(
        sa.select(KeyRow.__table__).where(KeyRow.brand_id == brand_id).order_by(KeyRow.id)
    )
    return [_key(row) for row in rows]


_KEY = sa.select(KeyRow.__table__).where(KeyRow.token_hash == sa.bindparam("digest"))
_DEVICE = sa.select(
    DeviceRow.id,
    DeviceRow.brand_id,
    DeviceRow.mode,
    DeviceRow.customer_id,
    DeviceRow.last_seen_at,
).where(DeviceRow.credential_hash == sa.bindparam("digest"), DeviceRow.retired_at.is_(None))


def principal(tx: Transaction, credential: str, now: datetime) -> Principal | None:
    """Who holds `credential`; None where nobody does, or no longer."""
    if f"_{CredentialKind.DEVICE}_" in credential[:12]:
        return _device_principal(tx, credential)
    row = tx.execute(_KEY, {"digest": digest(credential)}).one_or_none()
    if row is None or row.revoked_at or (row.expires_at and row.expires_at <= now):
        return None
    return Principal(
        kind=CredentialKind(row.kind),
        brand_id=row.brand_id,
        mode=Mode(row.mode),
        credential_id=row.id,
        scopes=tuple(Scope(scope) for scope in row.scopes),
    )


def _device_principal(tx: Transaction, credential: str) -> Principal | None:
    row = tx.execute(_DEVICE, {"digest": digest(credential)}).one_or_none()
    return row and Principal(
        kind=CredentialKind.DEVICE,
        brand_id=row.brand_id,
        mode=Mode(row.mode),
        credential_id=row.id,
        device_id=row.id,
        customer_id=row.customer_id,
        seen_at=row.last_seen_at,
    )


def _key(row: sa.Row[tuple[object, ...]]) -> Key:
    values = row._mapping
    return Key(
        id=values["id"],
        kind=CredentialKind(values["kind"]),
        mode=Mode(values["mode"]),
        scopes=tuple(Scope(scope) for scope in values["scopes"]),
        label=values["label"],
        created_at=values["created_at"],
        expires_at=values["expires_at"],
        revoked_at=values["revoked_at"],
    )
