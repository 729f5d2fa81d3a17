import marshmallow as ma

from service.schemas.base import AdminSchema


class StoreSchema(AdminSchema):
    """A place of business. The time zone is found from the coordinates where none is given."""

    external_id = ma.fields.Str(dump_only=True)
    name = ma.fields.Str(required=True, validate=ma.validate.Length(min=1, max=200))
    latitude = ma.fields.Float(required=True, validate=ma.validate.Range(min=-90, max=90))
    longitude = ma.fields.Float(required=True, validate=ma.validate.Range(min=-180, max=180))
    time_zone = ma.fields.Str(load_default=None, allow_none=True)
    address = ma.fields.Str(
        load_default=None, allow_none=True, validate=ma.validate.Length(max=500)
    )
    opening_hours = ma.fields.Str(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Length(max=2000),
        metadata={"description": "OSM syntax", "example": "Mo-Fr 10:30-20:00; PH off"},
    )
    country = ma.fields.Str(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^[A-Z]{2}$", error="Give an ISO 3166 code such as FI."),
    )
