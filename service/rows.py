"""Bodies of imports as rows: CSV, JSON or GeoJSON, each row with the place it is found at."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

import marshmallow as ma
import msgspec
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from domain.errors import Fault, Invalid

CSV, JSON, GEOJSON = "text/csv", "application/json", "application/geo+json"
TYPES = (CSV, JSON, GEOJSON)
_DELIMITERS = (",", ";", "\t")
_KEEP = "\ufdd0"  # no character, so it stands in no text: it guards a blank that was quoted
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


class Row(NamedTuple):
    """One row as given. `place` is for people (`Line 14`), `pointer` for machines (`/12`).

    `wrong`: why it is no row at all, with a pointer within it; its values mean nothing then.
    """

    place: str
    pointer: str
    values: dict[str, Any]
    wrong: tuple[Fault, ...] = ()

    def refused(self, detail: str, pointer: str = "") -> "Row":
        """The same row as one that is none, so that every other is looked at too."""
        return self._replace(values={}, wrong=(Fault(pointer=pointer, detail=detail),))

    def fault(self, pointer: str, detail: str) -> Fault:
        return Fault(pointer=self.pointer + pointer, detail=f"{self.place}: {detail}")


def read(
    body: bytes, content_type: str, fields: Mapping[str, ma.fields.Field[Any]]
) -> tuple[list[Row], list[str]]:
    """The rows of a body and what was left out of them. `fields` are those a row may have, by column name.

    Raises BadRequest where the body is not what its type says, Invalid where its head is wrong. A single row that
    cannot be read says so itself.
    """
    if content_type == CSV:
        return list(_csv(_text(body), fields)), []
    if content_type in (JSON, GEOJSON):
        decoded = _decoded(body)
        if content_type == GEOJSON or _is_collection(decoded):
            return _features(decoded, fields)
        return list(_json(decoded)), []
    raise UnsupportedMediaType(f"Send one of {', '.join(TYPES)}, and say so in Content-Type.")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("The file is not UTF-8; save it again as `CSV UTF-8`.") from None


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        # It names the byte, and not what is there.
        raise BadRequest(f"The body is not JSON: {error}.") from None
    except (RecursionError, UnicodeDecodeError):
        raise BadRequest("The body is not JSON in UTF-8.") from None


def marked(text: str) -> bool:
    """Whether a cell must be quoted for what guards quoted blanks; no text that people write needs it."""
    return text.startswith(_KEEP) or text.endswith(_KEEP)


def _csv(text: str, fields: Mapping[str, ma.fields.Field[Any]]) -> Iterator[Row]:
    delimiter = _delimiter(text.split("\n", 1)[0], fields)
    guarded = io.StringIO(_guarded(text, delimiter), newline="")
    lines = csv.reader(guarded, delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        columns = [_bare(column.strip()).strip() for column in next(lines, [])]
        _refuse_columns(columns, fields)
        number = 0
        for cells in lines:
            if any(cells):
                yield _line(columns, cells, fields, line=lines.line_num, number=number)
                number += 1
    except csv.Error as error:
        raise BadRequest(f"Line {lines.line_num} is not CSV: {error}.") from None


def _guarded(text: str, delimiter: str) -> str:
    """The text with the blanks at the edges of quoted cells kept from being taken for padding.

    The reader below does not tell what was quoted, and around other cells blanks are padding.
    """
    quoted = re.compile(rf'(^|[\r\n{delimiter}])( *)"([^"]*(?:""[^"]*)*)"')

    def keep(found: re.Match[str]) -> str:
        inner = found[3]
        if inner == inner.strip() and not marked(inner):
            return found[0]
        return f'{found[1]}{found[2]}"{_KEEP}{inner}{_KEEP}"'

    return quoted.sub(keep, text)


def _bare(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == _KEEP else cell


def _line(
    columns: list[str],
    cells: list[str],
    fields: Mapping[str, ma.fields.Field[Any]],
    *,
    line: int,
    number: int,
) -> Row:
    row = Row(f"Line {line}", f"/{number}", {})
    if len(cells) != len(columns):
        detail = f"It has {len(cells)} cells where the head has {len(columns)}; quote a cell that holds the separator."
        return row.refused(detail)
    for column, cell in zip(columns, cells, strict=True):
        if cell.strip():
            field = fields[column.split(".")[0]]
            _place(row.values, column, _cell(field, _bare(cell.strip())))
    return row


def _place(values: dict[str, Any], column: str, value: Any) -> None:
    """`attributes.tier` fills `tier` of the field `attributes`."""
    name, dot, inner = column.partition(".")
    if dot:
        values.setdefault(name, {})[inner] = value
    else:
        values[name] = value


def _delimiter(head: str, fields: Mapping[str, object]) -> str:
    """The one that cuts the head into the most columns we know; a guess from the cells would go wrong in addresses."""

    def known(delimiter: str) -> int:
        return sum(cell.strip(' "\r').split(".")[0] in fields for cell in head.split(delimiter))

    return max(_DELIMITERS, key=known)


def _refuse_columns(columns: list[str], fields: Mapping[str, ma.fields.Field[Any]]) -> None:
    faults = []
    for n, column in enumerate(columns):
        name, dot, _ = column.partition(".")
        if name not in fields or (dot and not isinstance(fields[name], ma.fields.Dict)):
            detail = f"Line 1: there is no such column; there are {', '.join(fields)}."
            faults.append(Fault(pointer=f"/head/{n}", detail=detail))
        elif column in columns[:n]:
            faults.append(Fault(pointer=f"/head/{n}", detail="Line 1: this column is there twice."))
    if faults:
        raise Invalid(
            "The head of the file names the columns; some are wrong.", faults=tuple(faults)
        )


def _cell(field: ma.fields.Field[Any], text: str) -> Any:
    """A cell as the field wants it; what does not fit stays text, for the field to refuse."""
    if not isinstance(field, ma.fields.Str):
        text = text.strip()
    if isinstance(field, ma.fields.List) and isinstance(field.inner, ma.fields.Str):
        words = _json_cell(text) if text.startswith("[") else None
        if isinstance(words, list):
            return words
        return [part.strip() for part in text.split("|") if part.strip()]
    if isinstance(field, ma.fields.List | ma.fields.Dict | ma.fields.Nested):
        return _json_cell(text)
    if isinstance(field, ma.fields.Bool):
        return {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}.get(text.lower(), text)
    if (
        isinstance(field, ma.fields.Int)
        and text.lstrip("+-").isascii()
        and text.lstrip("+-").isdigit()
    ):
        return int(text) if len(text) < 20 else text
    if isinstance(field, ma.fields.Float):
        return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    return text


def _json_cell(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _json(body: Any) -> Iterator[Row]:
    """A list of rows, or the `{data: […]}` that the lists of this API answer."""
    prefix = "/data" if isinstance(body, dict) else ""
    rows = body.get("data") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        _refuse(prefix, "Send a list of rows, or an object with the list in `data`.")
    for n, values in enumerate(rows):
        row = Row(f"Row {n + 1}", f"{prefix}/{n}", values)
        yield row if isinstance(values, dict) else row.refused("This is not an object.")


def _is_collection(body: Any) -> bool:
    return isinstance(body, dict) and body.get("type") == "FeatureCollection"


def _features(body: Any, fields: Mapping[str, ma.fields.Field[Any]]) -> tuple[list[Row], list[str]]:
    if "shape" not in fields and "latitude" not in fields:
        raise UnsupportedMediaType(f"These rows have no place; send {CSV} or {JSON}.")
    features = body.get("features") if isinstance(body, dict) else None
    if not isinstance(features, list):
        _refuse("/features", "Send a FeatureCollection.")
    _refuse_other_systems(body)
    ignored: set[str] = set()
    rows = [_feature(n, feature, fields, ignored) for n, feature in enumerate(features)]
    left_out = f"Properties left out: {', '.join(sorted(ignored))}."
    return rows, [left_out] if ignored else []


def _feature(
    n: int, feature: Any, fields: Mapping[str, ma.fields.Field[Any]], ignored: set[str]
) -> Row:
    """Properties that we do not know are left out: maps carry many that have nothing to do with us."""
    row = Row(f"Feature {n + 1}", f"/features/{n}", {})
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return row.refused("This is no Feature.")
    properties = feature.get("properties")
    given = properties if isinstance(properties, dict) else {}
    ignored.update(given.keys() - fields.keys())
    row.values.update({name: value for name, value in given.items() if name in fields})
    if isinstance(feature.get("id"), str | int):
        row.values.setdefault("external_id", str(feature["id"]))
    place = _placed(feature.get("geometry"), "shape" in fields)
    if place is None:
        wanted = "a Point with radius_m, a Polygon or a MultiPolygon"
        return row.refused(f"Give {wanted if 'shape' in fields else 'a Point'}.", "/geometry")
    row.values.update(place)
    return row


def _placed(geometry: Any, as_shape: bool) -> dict[str, Any] | None:
    """What a geometry says in columns; None where it is of no use here."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind == "Point" and isinstance(coordinates, list) and len(coordinates) >= 2:
        return {"longitude": coordinates[0], "latitude": coordinates[1]}
    if as_shape and kind in ("Polygon", "MultiPolygon"):
        return {"shape": {"type": kind.lower(), "coordinates": coordinates}}
    return None


def _refuse_other_systems(body: dict[str, Any]) -> None:
    """GeoJSON is WGS 84; older files may say otherwise, and their numbers would be read as degrees."""
    crs = body.get("crs")
    if crs is not None and "CRS84" not in str(crs) and "4326" not in str(crs):
        _refuse("/crs", "Coordinates are WGS 84 degrees; export the file as EPSG:4326.")


def _refuse(pointer: str, detail: str) -> NoReturn:
    raise Invalid(detail, faults=(Fault(pointer=pointer, detail=detail),))
