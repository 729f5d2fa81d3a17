"""The body of `POST /v1/locations`, read by msgspec because it is the hot path, and the same schema as documented."""

import json
import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

import marshmallow as ma
import msgspec
from werkzeug.exceptions import BadRequest

from domain.errors import Fault, Invalid
from domain.places import Fix
from service.schemas.base import AppSchema

MOST_FIXES = 100


class FixBody(msgspec.Struct, frozen=True, kw_only=True):
    event_id: UUID
    latitude: float
    longitude: float
    accuracy_m: float
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    speed_mps: float | None = None
    background: bool = False
    is_mock: bool = False


class LocationsBody(msgspec.Struct, frozen=True, kw_only=True):
    fixes: Annotated[list[FixBody], msgspec.Meta(min_length=1, max_length=MOST_FIXES)]


class FixSchema(AppSchema):
    """One GNSS reading. A value that cannot be true rejects this fix alone and is named in `rejected`."""

    event_id = ma.fields.UUID(
        required=True, metadata={"description": "your own, UUIDv7 best; a repeat changes nothing"}
    )
    latitude = ma.fields.Float(
        required=True, metadata={"description": "WGS-84 degrees, −90 to 90", "example": 60.1841}
    )
    longitude = ma.fields.Float(
        required=True, metadata={"description": "WGS-84 degrees, −180 to 180", "example": 24.9499}
    )
    accuracy_m = ma.fields.Float(
        required=True,
        metadata={
            "description": "radius that holds the true position with 68 % probability",
            "example": 12,
        },
    )
    occurred_at = ma.fields.AwareDateTime(
        required=True, metadata={"description": "the device's time of the reading, with offset"}
    )
    speed_mps = ma.fields.Float(
        load_default=None,
        allow_none=True,
        metadata={"description": "negative or absent: unknown"},
    )
    background = ma.fields.Bool(
        load_default=False,
        metadata={"description": "taken in the background; needs `background_location`"},
    )
    is_mock = ma.fields.Bool(
        load_default=False, metadata={"description": "set by a mock location app"}
    )


class LocationsSchema(AppSchema):
    fixes = ma.fields.List(
        ma.fields.Nested(FixSchema),
        required=True,
        validate=ma.validate.Length(min=1, max=MOST_FIXES),
    )


_decoder = msgspec.json.Decoder(LocationsBody)
_MISSING = "Object missing required field `"
_REMEDIES = {
    "Expected `array` of length >= 1": "Send at least one fix.",
    f"Expected `array` of length <= {MOST_FIXES}": f"Send at most {MOST_FIXES} fixes at once.",
    "Expected `datetime` with a timezone component": "Add the offset, as in 2026-05-06T12:00:00+03:00.",
    "Invalid RFC3339 encoded datetime": "Send a time as in 2026-05-06T12:00:00+03:00.",
    "Invalid UUID": "Send a UUID, version 7 best.",
}


def read_fixes(body: bytes) -> list[Fix]:
    """The fixes of a body; BadRequest where it is no JSON, Invalid where a value has the wrong type.

    What only a look at the value can tell (range, time) is not judged here.
    """
    try:
        read = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        read = _read_again(body)
    return [_fix(each) for each in read.fixes]


def _read_again(body: bytes) -> LocationsBody:
    """Takes what the fast decoder does not: NaN and Infinity, as common encoders write them, cost one fix, not all."""
    try:
        loose = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}") from error
    try:
        return msgspec.convert(loose, LocationsBody)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def _invalid(message: str) -> Invalid:
    """msgspec ends its message with the path to the place, as in "… - at `$.fixes[3].latitude`"."""
    what, _, path = message.partition(" - at `$")
    pointer = re.sub(r"[.[]", "/", path.rstrip("`")).replace("]", "")
    if what.startswith(_MISSING):
        pointer, what = f"{pointer}/{what.removeprefix(_MISSING)[:-1]}", "This field is required."
    fault = Fault(pointer=pointer, detail=_REMEDIES.get(what, what.replace("`", "")))
    return Invalid("Some fields are wrong; `errors` names the first place.", faults=(fault,))


def _fix(body: FixBody) -> Fix:
    return Fix(
        event_id=str(body.event_id),
        latitude=body.latitude,
        longitude=body.longitude,
        accuracy_m=body.accuracy_m,
        occurred_at=body.occurred_at,
        speed_mps=body.speed_mps,
        background=body.background,
        is_mock=body.is_mock,
    )
