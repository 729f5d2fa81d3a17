"""Many rows at once, all of them or none: what `POST /v1/imports` and `whenabouts import` both do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import marshmallow as ma
import msgspec

from domain.access import Principal
from domain.clock import Clock
from domain.errors import Fault, Invalid
from domain.events import Event
from domain.people import Customer
from domain.values import Value
from scheduler import events, profiles
from scheduler.receipts import Code
from service import catalogue, cautions, circles, rows
from service.cautions import Cautions
from service.errors import pointers
from service.locating import Body, Locator, Watch
from service.rows import Row
from service.schemas import fields
from service.schemas.base import value_of
from service.schemas.customers import CustomerSchema
from service.schemas.events import EventSchema
from service.schemas.items import ItemSchema
from service.schemas.stores import StoreSchema
from storage import customers, geofences, items, stores
from storage.engine import Database, Transaction
from storage.named import Counts

_MOST_WARNINGS = 100
_AT_ONCE = 500  # rows saved between two words of progress; their names fill one IN (…)

Save = Callable[[Transaction, Principal, Sequence[Any], datetime], Counts]


class Kind(NamedTuple):
    """How rows of one resource become values, and how those are saved."""

    schema: ma.Schema
    key: str  # the column that names a row
    most: int  # rows in one import: SQLite lets nobody else write meanwhile
    value: Callable[[Principal, str, dict[str, Any]], Any]
    save: Save
    warn: Callable[[Transaction, Sequence[Any], datetime], Cautions] = cautions.none
    flat: dict[str, ma.fields.Field[Any]] = {}  # columns that stand for a nested field
    addressed: bool = False  # whether an address may stand for coordinates
    when: Callable[[Any], datetime] | None = (
        None  # history is learned in its own order, not the file's
    )

    @property
    def columns(self) -> dict[str, ma.fields.Field[Any]]:
        return {self.key: fields.text(200), **self.schema.load_fields, **self.flat}


class Outcome(Value):
    """What an import did, or in a dry run would do."""

    dry_run: bool
    rows: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    warnings: list[str] = []


class _Undo(Exception):
    """Ends a dry run: its transaction is rolled back, and only what it found out leaves it."""

    def __init__(self, counts: Counts, warn: Cautions) -> None:
        super().__init__()
        self.found = counts, warn


class Importer:
    """Imports into one database. `watch` hears of the progress: it may be told the same again after a retry."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        locator: Locator,
        *,
        watch: Watch = lambda what, done, of: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._locator = locator
        self._watch = watch

    def run(
        self,
        kind: Kind,
        body: bytes,
        content_type: str,
        principal: Principal,
        *,
        dry_run: bool,
        most: int | None = None,
    ) -> Outcome:
        """Saves all rows of the body, or none; Invalid names every wrong row, BadRequest a body that is none.

        Addresses are looked up before anything is saved, and only where every row is right so far.

        `most`: how many rows it takes, where that is not what one request may have.
        """
        self._watch("reading", 0, 0)
        given, left_out = rows.read(body, content_type, kind.columns)
        if not given:
            raise Invalid("There is no row to import: the file is empty, or has a head alone.")
        if len(given) > (most or kind.most):
            raise Invalid(f"One import takes {most or kind.most} rows at most; split the file.")
        values, notes = self._values(kind, given, principal)
        counts, warn = self._saved(kind, principal, given, values, dry=dry_run)
        warned = [[*notes.get(n, []), *some] for n, some in enumerate(warn())]
        return Outcome(
            dry_run=dry_run,
            rows=len(given),
            warnings=[*left_out, *_warnings(given, warned)],
            **msgspec.structs.asdict(counts),
        )

    def _values(
        self, kind: Kind, given: Sequence[Row], principal: Principal
    ) -> tuple[list[Any], dict[int, list[str]]]:
        """A value per row, and what is to be noted of some; Invalid names every wrong row."""
        values: dict[int, Any] = {}
        waiting: dict[int, tuple[str, Body]] = {}  # for their address to be found
        faults: list[Fault] = []
        seen: dict[str, str] = {}
        for number, row in enumerate(given):
            if number % _AT_ONCE == 0:
                self._watch("checking", number, len(given))
            with _collected(row, faults):
                name, body = _loaded(kind, row, seen)
                if kind.addressed and self._locator.can_find(body):
                    waiting[number] = name, body
                else:
                    values[number] = kind.value(principal, name, body)
        _refuse(faults)
        located = self._locator.locate(principal.brand_id, dict(waiting.values()), self._watch)
        for number, (name, _) in waiting.items():
            with _collected(given[number], faults):
                values[number] = kind.value(principal, name, located.body(name))
        _refuse(faults)
        notes = {number: located.notes.get(name, []) for number, (name, _) in waiting.items()}
        return [values[number] for number in range(len(given))], notes

    def _saved(
        self,
        kind: Kind,
        principal: Principal,
        given: Sequence[Row],
        values: Sequence[Any],
        *,
        dry: bool,
    ) -> tuple[Counts, Cautions]:
        now = self._clock.now()

        def work(tx: Transaction) -> tuple[Counts, Cautions]:
            counts = self._save_slices(tx, kind, principal, given, values, now)
            warn = kind.warn(tx, values, now)
            if dry:
                raise _Undo(counts, warn)
            return counts, warn

        try:
            return self._database.write(work)
        except _Undo as undone:
            return undone.found

    def _save_slices(
        self,
        tx: Transaction,
        kind: Kind,
        principal: Principal,
        given: Sequence[Row],
        values: Sequence[Any],
        now: datetime,
    ) -> Counts:
        """All of them, some at a time; Invalid with the faults of every slice."""
        total, faults = Counts(), []
        given, values = _in_time(kind, given, values)
        for start in range(0, len(values), _AT_ONCE):
            self._watch("saving", start, len(values))
            try:
                some = kind.save(tx, principal, values[start : start + _AT_ONCE], now)
                total = _sum(total, some)
            except Invalid as error:
                faults += [_of_row(given, start, fault) for fault in error.faults]
        self._watch("saving", len(values), len(values))
        _refuse(faults)
        return total


def _in_time(
    kind: Kind, given: Sequence[Row], values: Sequence[Any]
) -> tuple[Sequence[Row], Sequence[Any]]:
    if kind.when is None:
        return given, values
    times = [kind.when(value) for value in values]
    order = sorted(range(len(values)), key=times.__getitem__)
    return [given[number] for number in order], [values[number] for number in order]


@contextmanager
def _collected(row: Row, faults: list[Fault]) -> Iterator[None]:
    """Adds what is wrong with a row to `faults`, so that every row is looked at."""
    try:
        yield
    except Invalid as error:
        faults.extend(
            row.fault(circles.column(row.values, each.pointer), each.detail)
            for each in error.faults
        )


def _loaded(kind: Kind, row: Row, seen: dict[str, str]) -> tuple[str, dict[str, Any]]:
    if row.wrong:
        raise Invalid("", faults=row.wrong)
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


def _of_row(given: Sequence[Row], start: int, fault: Fault) -> Fault:
    """What storage calls `/7/store` of the rows from `start` on, as the row says it."""
    _, number, rest = fault.pointer.split("/", 2)
    return given[start + int(number)].fault(rest and f"/{rest}", fault.detail)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        mistakes = "one mistake" if len(faults) == 1 else f"{len(faults)} mistakes"
        raise Invalid(f"Nothing was imported: {mistakes}.", faults=tuple(faults))


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        created=one.created + other.created,
        updated=one.updated + other.updated,
        unchanged=one.unchanged + other.unchanged,
    )


def _warnings(given: Sequence[Row], warnings: Sequence[Sequence[str]]) -> list[str]:
    found = [
        f"{row.place}: {warning}"
        for row, some in zip(given, warnings, strict=True)
        for warning in some
    ]
    more = len(found) - _MOST_WARNINGS
    return found if more <= 0 else [*found[:_MOST_WARNINGS], f"… and {more} more of these."]


def _store(principal: Principal, name: str, body: dict[str, Any]) -> Any:
    return catalogue.store_of(body, brand_id=principal.brand_id, external_id=name)


def _fence(principal: Principal, name: str, body: dict[str, Any]) -> Any:
    return catalogue.fence_of(body, brand_id=principal.brand_id, external_id=name)


def _item(principal: Principal, name: str, body: dict[str, Any]) -> Any:
    return catalogue.item_of(body, brand_id=principal.brand_id, sku=name)


def _customer(principal: Principal, name: str, body: dict[str, Any]) -> Customer:
    who = {"brand_id": principal.brand_id, "mode": principal.mode, "external_id": name}
    return value_of(body, Customer, id="", **who)


def _event(principal: Principal, name: str, body: dict[str, Any]) -> Event:
    return value_of({**body, "event_id": str(body["event_id"])}, Event)


def _save_customers(
    tx: Transaction, principal: Principal, some: Sequence[Customer], now: datetime
) -> Counts:
    """Days that matter to them are seen ahead from now on."""
    counts = customers.put_many(tx, some, now=now)
    names = [each.external_id or "" for each in some if each.occasions or counts.updated]
    ids = customers.ids(tx, brand_id=principal.brand_id, mode=principal.mode, external_ids=names)
    profiles.refresh(tx, ids, now=now)
    return counts


def _save_events(
    tx: Transaction, principal: Principal, some: Sequence[Event], now: datetime
) -> Counts:
    receipt = events.take(tx, principal, some, now=now)
    codes = {each.event_id: each.code for each in receipt.rejected}
    faults = [
        Fault(pointer=f"/{n}/", detail=f"{code}: {_REJECTED[Code(code)]}")
        for n, event in enumerate(some)
        if (code := codes.get(event.event_id))
    ]
    if faults:
        raise Invalid("", faults=tuple(faults))
    return Counts(created=receipt.accepted, unchanged=len(some) - receipt.accepted)


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


def _put_many(module: Any) -> Save:
    def save(tx: Transaction, principal: Principal, values: Sequence[Any], now: datetime) -> Counts:
        counts: Counts = module.put_many(tx, values, now=now)
        return counts

    return save


KINDS: dict[str, Kind] = {
    "stores": Kind(
        StoreSchema(),
        "external_id",
        50_000,
        _store,
        _put_many(stores),
        cautions.of_stores,
        addressed=True,
    ),
    "geofences": Kind(
        circles.FenceRow(),
        "external_id",
        50_000,
        _fence,
        _put_many(geofences),
        cautions.of_fences,
        dict(circles.COLUMNS),
    ),
    "items": Kind(ItemSchema(), "sku", 50_000, _item, _put_many(items)),
    "customers": Kind(CustomerSchema(), "external_id", 20_000, _customer, _save_customers),
    "events": Kind(
        EventSchema(),
        "event_id",
        10_000,
        _event,
        _save_events,
        when=lambda event: event.occurred_at,
    ),
}
