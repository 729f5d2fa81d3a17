from typing import Any

import marshmallow as ma

from domain.errors import Invalid
from scheduler.context import hours
from service.schemas import fields
from service.schemas.base import AdminSchema


def hours_field(longest: int, **options: Any) -> ma.fields.Str:
    """Opening hours in OSM syntax; those that cannot be read are answered with the way to write them."""
    field = fields.text(longest, load_default=None, allow_none=True, **options)
    field.validators.append(_readable)
    return field


def _readable(value: str) -> None:
    try:
        hours.check(value)
    except Invalid as error:
        raise ma.ValidationError(error.detail) from None


def warnings() -> ma.fields.List[str]:
    """What was accepted and yet may not work as meant; in the answer to a PUT."""
    return ma.fields.List(
        ma.fields.Str(),
        dump_only=True,
        metadata={"description": "accepted, and yet it may not work as meant; after a PUT only"},
    )


def _degrees(most: int) -> ma.fields.Float:
    return ma.fields.Float(
        load_default=None,
        validate=ma.validate.Range(min=-most, max=most),
        metadata={"description": "may be left out with its twin where `address` is looked up"},
    )


class StoreSchema(AdminSchema):
    """A place of business. Time zone and country are found from the coordinates where none are given.

    Where the operator has switched on a geocoder, an address stands for coordinates that are not given.
    """

    external_id = ma.fields.Str(dump_only=True)
    name = fields.text(200, required=True)
    latitude = _degrees(90)
    longitude = _degrees(180)
    time_zone = ma.fields.Str(load_default=None, allow_none=True)
    address = fields.text(500, load_default=None, allow_none=True)
    opening_hours = hours_field(
        2000, metadata={"description": "OSM syntax", "example": "Mo-Fr 10:30-20:00; PH off"}
    )
    country = ma.fields.Str(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^[A-Z]{2}\Z", error="Give an ISO 3166 code such as FI."),
        metadata={"description": "whose public holidays `PH` stands for"},
    )
    warnings = warnings()

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _has_a_place(self, body: dict[str, Any], original: Any, **_: Any) -> None:
        """Both coordinates, or neither and an address."""
        if not isinstance(original, dict):
            return
        missing = [name for name in ("latitude", "longitude") if original.get(name) is None]
        if missing and not (len(missing) == 2 and body.get("address")):
            raise ma.ValidationError(
                {name: ["Missing data for required field."] for name in missing}
            )
