"""`/v1/imports/…`: many rows at once, all of them or none."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import marshmallow as ma
import msgspec
from flask import request
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.clock import Clock
from domain.errors import Fault, Invalid
from domain.events import Event
from domain.people import Customer
from scheduler import events
from scheduler.receipts import Code
from service import rows
from service.api import geofences as fences_api
from service.api import items as items_api
from service.api import stores as stores_api
from service.auth import Authenticator
from service.errors import pointers
from service.parts import Parts
from service.rows import Row
from service.schemas import fields
from service.schemas.base import value_of
from service.schemas.customers import CustomerSchema
from service.schemas.events import EventSchema
from service.schemas.geofences import GeofenceSchema
from service.schemas.imports import ImportQuery, ImportSchema
from service.schemas.items import ItemSchema
from service.schemas.stores import StoreSchema
from storage import customers, geofences, items, stores
from storage.engine import Transaction
from storage.named import Counts

BODY_LIMIT = 10 * 1024 * 1024
MOST_FAULTS = 1000
_MOST_WARNINGS = 100
_TAKEN_AT_ONCE = 500  # events judged together: their names fill one IN (…)


class Kind(NamedTuple):
    """How rows of one resource become values, and how those are saved."""

    schema: ma.Schema
    key: str  # the column that names a row
    most: int  # rows in one import: SQLite lets nobody else write meanwhile
    value: Callable[[Principal, str, dict[str, Any]], Any]
    save: Callable[[Transaction, Principal, Sequence[Any], Clock], Counts]
    warn: Callable[[Any, int], list[str]] = lambda value, year: []
    flat: dict[str, ma.fields.Field[Any]] = {}  # columns that stand for a nested field

    @property
    def columns(self) -> dict[str, ma.fields.Field[Any]]:
        return {self.key: fields.text(200), **self.schema.load_fields, **self.flat}


class _Undo(Exception):
    """Ends a dry run: its transaction is rolled back, and only the counts leave it."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self.counts = counts


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("imports", __name__, url_prefix="/v1/imports", description="Many rows at once")

    @blp.post(f"/<any({', '.join(KINDS)}):kind>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(ImportQuery, location="query")
    @blp.response(200, ImportSchema)
    @blp.doc(operationId="import_rows", requestBody=_BODY)
    def import_rows(query: dict[str, Any], kind: str, principal: Principal) -> dict[str, Any]:
        """Import stores, geofences, items, customers or events: all rows or none. Known names are replaced."""
        request.max_content_length = BODY_LIMIT
        given, left_out = rows.read(request.get_data(), request.mimetype, KINDS[kind].columns)
        values = _values(KINDS[kind], given, principal)
        counts = _saved(parts, KINDS[kind], principal, given, values, dry=query["dry_run"])
        warnings = _warnings(KINDS[kind], given, values, parts.clock.now().year)
        return {
            "dry_run": query["dry_run"],
            "rows": len(given),
            **msgspec.structs.asdict(counts),
            "warnings": [*left_out, *warnings],
        }

    return blp


def _values(kind: Kind, given: Sequence[Row], principal: Principal) -> list[Any]:
    """A value per row; Invalid names every wrong row."""
    if not 1 <= len(given) <= kind.most:
        raise Invalid(f"One import takes 1 to {kind.most} rows; split the file.")
    values: list[Any] = []
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    for row in given:
        try:
            name, body = _loaded(kind, row, seen)
            values.append(kind.value(principal, name, body))
        except Invalid as error:
            faults.extend(row.fault(fault.pointer, fault.detail) for fault in error.faults)
    _refuse(faults)
    return values


def _loaded(kind: Kind, row: Row, seen: dict[str, str]) -> tuple[str, dict[str, Any]]:
    body = {**row.values}
    given = body.get(kind.key) if kind.key in kind.schema.load_fields else body.pop(kind.key, None)
    name, faults = _name(kind, given, row, seen)
    try:
        loaded = kind.schema.load(body, unknown=ma.RAISE)
    except ma.ValidationError as error:
        raise Invalid("", faults=(*faults, *pointers("", error.messages))) from None
    if faults:
        raise Invalid("", faults=tuple(faults))
    return name, loaded


def _name(kind: Kind, given: Any, row: Row, seen: dict[str, str]) -> tuple[str, list[Fault]]:
    pointer = f"/{kind.key}"
    if given is None:
        return "", [Fault(pointer=pointer, detail="Missing: it names the row.")]
    try:
        name = str(fields.text(200).deserialize(given))
    except ma.ValidationError as error:
        return "", list(pointers(pointer, error.messages))
    if name in seen:
        return "", [Fault(pointer=pointer, detail=f"The same as in {seen[name].lower()}.")]
    seen[name] = row.place
    return name, []


def _saved(
    parts: Parts,
    kind: Kind,
    principal: Principal,
    given: Sequence[Row],
    values: Sequence[Any],
    *,
    dry: bool,
) -> Counts:
    def work(tx: Transaction) -> Counts:
        counts = kind.save(tx, principal, values, parts.clock)
        if dry:
            raise _Undo(counts)
        return counts

    try:
        return parts.database.write(work)
    except _Undo as undone:
        return undone.counts
    except Invalid as error:
        _refuse([_of_row(given, fault) for fault in error.faults])
        raise


def _of_row(given: Sequence[Row], fault: Fault) -> Fault:
    """What storage calls `/7/store`, as the row says it."""
    _, number, rest = fault.pointer.split("/", 2)
    return given[int(number)].fault(rest and f"/{rest}", fault.detail)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        mistakes = "one mistake" if len(faults) == 1 else f"{len(faults)} mistakes"
        more = f"; the first {MOST_FAULTS} are listed" if len(faults) > MOST_FAULTS else ""
        raise Invalid(
            f"Nothing was imported: {mistakes}{more}.", faults=tuple(faults[:MOST_FAULTS])
        )


def _warnings(kind: Kind, given: Iterable[Row], values: Iterable[Any], year: int) -> list[str]:
    found = [
        f"{row.place}: {warning}"
        for row, value in zip(given, values, strict=True)
        for warning in kind.warn(value, year)
    ]
    more = len(found) - _MOST_WARNINGS
    return found if more <= 0 else [*found[:_MOST_WARNINGS], f"… and {more} more of these."]


def _store(principal: Principal, name: str, body: dict[str, Any]) -> Any:
    return stores_api.store_of(body, brand_id=principal.brand_id, external_id=name)


def _fence(principal: Principal, name: str, body: dict[str, Any]) -> Any:
    return fences_api.fence_of(body, brand_id=principal.brand_id, external_id=name)


def _item(principal: Principal, name: str, body: dict[str, Any]) -> Any:
    return items_api.item_of(body, brand_id=principal.brand_id, sku=name)


def _customer(principal: Principal, name: str, body: dict[str, Any]) -> Customer:
    who = {"brand_id": principal.brand_id, "mode": principal.mode, "external_id": name}
    return value_of(body, Customer, id="", **who)


def _event(principal: Principal, name: str, body: dict[str, Any]) -> Event:
    return value_of({**body, "event_id": str(body["event_id"])}, Event)


def _save_events(
    tx: Transaction, principal: Principal, values: Sequence[Event], clock: Clock
) -> Counts:
    accepted, faults = 0, []
    for start in range(0, len(values), _TAKEN_AT_ONCE):
        some = values[start : start + _TAKEN_AT_ONCE]
        receipt = events.take(tx, principal, some, now=clock.now())
        accepted += receipt.accepted
        codes = {each.event_id: each.code for each in receipt.rejected}
        faults += [
            Fault(pointer=f"/{start + n}/", detail=f"{code}: {_REJECTED[Code(code)]}")
            for n, event in enumerate(some)
            if (code := codes.get(event.event_id))
        ]
    if faults:
        raise Invalid("", faults=tuple(faults))
    return Counts(created=accepted, unchanged=len(values) - accepted)


_REJECTED = {
    Code.FUTURE: "occurred_at lies in the future.",
    Code.TOO_OLD: "occurred_at lies too far back.",
    Code.CONSENT_MISSING: "the person has not consented to this purpose; leave the row out.",
    Code.BEFORE_CONSENT: "the person had not yet consented to this purpose; leave the row out.",
    Code.CUSTOMER_MISSING: "name the customer.",
    Code.CUSTOMER_NOT_ALLOWED: "a device reports for its own customer only.",
    Code.UNKNOWN_CUSTOMER: "there is no such customer; import the customers first.",
    Code.STORE_MISSING: "name the store.",
    Code.UNKNOWN_STORE: "there is no such store; import the stores first.",
    Code.UNKNOWN_DECISION: "there is no such decision for this customer.",
}


def _put_many(module: Any) -> Callable[[Transaction, Principal, Sequence[Any], Clock], Counts]:
    def save(tx: Transaction, principal: Principal, values: Sequence[Any], clock: Clock) -> Counts:
        counts: Counts = module.put_many(tx, values, now=clock.now())
        return counts

    return save


class _FenceRow(GeofenceSchema):
    """A fence as a table has it: a circle is three columns."""

    @ma.pre_load
    def _as_shape(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        circle = {name: body.pop(name) for name in _CIRCLE if name in body}
        if circle and "shape" not in body:
            center = [_number(circle.get("longitude")), _number(circle.get("latitude"))]
            radius = _number(circle.get("radius_m"))
            body["shape"] = {"type": "circle", "center": center, "radius_m": radius}
        return body


def _number(value: Any) -> Any:
    """A cell of text as the number it spells; what spells none stays for the shape to refuse."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


_CIRCLE = {name: ma.fields.Float() for name in ("latitude", "longitude", "radius_m")}
KINDS: dict[str, Kind] = {
    "stores": Kind(
        StoreSchema(), "external_id", 50_000, _store, _put_many(stores), stores_api.warnings
    ),
    "geofences": Kind(
        _FenceRow(),
        "external_id",
        50_000,
        _fence,
        _put_many(geofences),
        lambda fence, _: fences_api.warnings(fence),
        dict(_CIRCLE),
    ),
    "items": Kind(ItemSchema(), "sku", 50_000, _item, _put_many(items)),
    "customers": Kind(CustomerSchema(), "external_id", 20_000, _customer, _put_many(customers)),
    "events": Kind(EventSchema(), "event_id", 10_000, _event, _save_events),
}

_BODY = {
    "required": True,
    "description": "Up to 10 MiB; see docs/imports.md",
    "content": {
        rows.CSV: {"schema": {"type": "string"}},
        rows.JSON: {"schema": {"type": "array", "items": {"type": "object"}}},
        rows.GEOJSON: {"schema": {"type": "object"}},
    },
}
