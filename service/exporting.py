"""Stores, fences and items as files that an import takes back unchanged.

A cell is written as it is, also one that begins with `=`: the file is data for this service, and an apostrophe put in
front would come back as part of the name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.places import Geofence, Store
from service import rows
from storage import geofences, items, stores
from storage.engine import Database

_AT_ONCE = 500  # rows in memory
_QUOTED = frozenset(',;\t|"\r\n')

Cells = Mapping[str, Any]
Page = Callable[..., Sequence[Any]]  # (tx, *, brand_id, after, limit), as the lists have it


class Kind(NamedTuple):
    """How the rows of one resource are read and written. `feature` is None where they have no place."""

    page: Page
    key: str
    columns: tuple[str, ...]
    cells: Callable[[Any], Cells]
    feature: Callable[[Any], dict[str, Any]] | None

    @property
    def forms(self) -> tuple[str, ...]:
        """The content types there are, the default first."""
        return (rows.GEOJSON if self.feature else rows.JSON, rows.CSV)


def written(database: Database, kind: Kind, content_type: str, brand_id: str) -> Iterator[bytes]:
    """The file in pieces, in the order of the names. Each page is a read of its own: changes meanwhile may show."""
    values = (value for page in _pages(database, kind, brand_id) for value in page)
    if content_type == rows.CSV:
        return _csv(kind, values)
    if content_type == rows.GEOJSON and kind.feature:
        opening = b'{"type":"FeatureCollection","features":['
        return _list(opening, map(kind.feature, values), b"\n]}\n")
    return _list(b"[", (_some(kind.cells(each), kind.columns) for each in values), b"\n]\n")


def _pages(database: Database, kind: Kind, brand_id: str) -> Iterator[Sequence[Any]]:
    after = None
    while True:
        with database.read() as tx:
            page = kind.page(tx, brand_id=brand_id, after=after, limit=_AT_ONCE)
        yield page
        if len(page) < _AT_ONCE:
            return
        after = getattr(page[-1], kind.key)


def _list(opening: bytes, values: Iterator[Any], closing: bytes) -> Iterator[bytes]:
    separator = b"\n"
    yield opening
    for value in values:
        yield separator + msgspec.json.encode(value)
        separator = b",\n"
    yield closing


def _csv(kind: Kind, values: Iterator[Any]) -> Iterator[bytes]:
    yield (",".join(kind.columns) + "\r\n").encode()
    for value in values:
        cells = kind.cells(value)
        yield (",".join(_cell(cells.get(name)) for name in kind.columns) + "\r\n").encode()


def _cell(value: Any) -> str:
    """A value as the reader of imports takes it; a text that begins or ends with a blank is quoted to keep it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        text = _words(value)
    elif isinstance(value, dict):
        text = msgspec.json.encode(value).decode()
    else:
        text = value if isinstance(value, str) else repr(value)
    if not _QUOTED.isdisjoint(text) or text != text.strip() or rows.marked(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _words(words: Sequence[str]) -> str:
    """`a|b`, or JSON where a word would not survive that."""
    plain = all(word == word.strip() and "|" not in word for word in words)
    joined = "|".join(words)
    return joined if plain and not joined.startswith("[") else msgspec.json.encode(words).decode()


def _store_feature(store: Store) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [store.longitude, store.latitude]}
    placeless = [name for name in _STORE if name not in ("latitude", "longitude")]
    return _feature(store.external_id, point, _some(msgspec.structs.asdict(store), placeless))


def _fence(fence: Geofence) -> Cells:
    """A circle is three columns, as people write it; another shape is JSON."""
    cells = msgspec.structs.asdict(fence)
    match fence.shape:
        case {"type": "circle", "center": [longitude, latitude], "radius_m": radius}:
            circle = {"longitude": longitude, "latitude": latitude, "radius_m": radius}
            return {**cells, **circle, "shape": None}
        case _:
            return cells


def _fence_feature(fence: Geofence) -> dict[str, Any]:
    properties = _some(msgspec.structs.asdict(fence), _FENCE[:5])
    if fence.shape["type"] == "circle":
        properties["radius_m"] = fence.shape["radius_m"]
        geometry = {"type": "Point", "coordinates": fence.shape["center"]}
    else:
        spelled = {"polygon": "Polygon", "multipolygon": "MultiPolygon"}[str(fence.shape["type"])]
        geometry = {"type": spelled, "coordinates": fence.shape["coordinates"]}
    return _feature(fence.external_id, geometry, properties)


def _feature(name: str, geometry: Cells, properties: Cells) -> dict[str, Any]:
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}


def _some(cells: Cells, names: Sequence[str]) -> dict[str, Any]:
    return {name: cells[name] for name in names if cells[name] is not None}


_STORE = (
    "external_id",
    "name",
    "latitude",
    "longitude",
    "time_zone",
    "address",
    "opening_hours",
    "country",
)
_FENCE = (
    "external_id",
    "name",
    "store",
    "dwell_s",
    "active",
    "latitude",
    "longitude",
    "radius_m",
    "shape",
)
_ITEM = ("sku", "name", "category", "tags", "services", "price")
KINDS = {
    "stores": Kind(stores.page, "external_id", _STORE, msgspec.structs.asdict, _store_feature),
    "geofences": Kind(geofences.page, "external_id", _FENCE, _fence, _fence_feature),
    "items": Kind(items.page, "sku", _ITEM, msgspec.structs.asdict, None),
}
