"""Everything that is stored of a person, as JSON can carry it."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.haunts import Places
from storage.engine import Transaction
from storage.models import DecisionRow, IdempotencyRow, PlacesRow, PositionRow, ProfileRow
from storage.packing import named, unpacked
from storage.personal import PERSONAL, Personal
from storage.records import unpacked as unpacked_record

# Locks rather than data: whoever read them in an export could try to open them.
_WITHHELD = ("credential_hash", "request_hash")


def export(tx: Transaction, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the person by kind, every column but the hashes of secrets; times in RFC 3339."""
    return {each.name: _rows(tx, each, customer_id) for each in reversed(PERSONAL)}


def _rows(tx: Transaction, each: Personal, customer_id: str) -> list[dict[str, Any]]:
    table: sa.Table = each.table.__table__
    shown = [column for column in table.columns if column.name not in _WITHHELD]
    query = sa.select(*shown).where(each.of(customer_id)).order_by(*table.primary_key)
    readable = _READABLE.get(each.table, _as_base64)
    return [
        {str(name): _plain(value, readable) for name, value in row._mapping.items()}
        for row in tx.execute(query)
    ]


def _plain(value: Any, readable: Callable[[bytes], Any]) -> Any:
    return msgspec.to_builtins(readable(value) if isinstance(value, bytes) else value)


def _as_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _with_names(value: bytes) -> dict[str, Any]:
    """What is known of places, which is stored without the names of its fields."""
    known = msgspec.msgpack.decode(value, type=Places)
    return {
        **msgspec.structs.asdict(known),
        "haunts": [msgspec.structs.asdict(haunt) for haunt in known.haunts],
    }


_READABLE: dict[type[Any], Callable[[bytes], Any]] = {
    DecisionRow: unpacked_record,
    ProfileRow: lambda body: named(unpacked(body)),
    PlacesRow: _with_names,
    PositionRow: msgspec.msgpack.decode,
    IdempotencyRow: msgspec.json.decode,
}
