import marshmallow as ma

from service.schemas.base import AppSchema


class NearbyQuery(AppSchema):
    latitude = ma.fields.Float(required=True, validate=ma.validate.Range(min=-90, max=90))
    longitude = ma.fields.Float(required=True, validate=ma.validate.Range(min=-180, max=180))
    limit = ma.fields.Int(
        load_default=20,
        validate=ma.validate.Range(min=1, max=100),
        metadata={"description": "iOS monitors 20 regions per app, Android 100"},
    )


class CircleSchema(ma.Schema):
    latitude = ma.fields.Float()
    longitude = ma.fields.Float()
    radius_m = ma.fields.Float()


class NearFenceSchema(ma.Schema):
    geofence = ma.fields.Str(metadata={"description": "the fence's external id"})
    shape = ma.fields.Dict(metadata={"description": "as it was put: a circle or a polygon"})
    circle = ma.fields.Nested(
        CircleSchema,
        metadata={"description": "one that holds the fence: phones monitor circles only"},
    )
    distance_m = ma.fields.Float(metadata={"description": "to its edge; 0 inside"})
    dwell_s = ma.fields.Int(allow_none=True)


class NearbySchema(ma.Schema):
    """The fences to monitor on the phone, nearest first."""

    data = ma.fields.List(ma.fields.Nested(NearFenceSchema))
    valid_within_m = ma.fields.Float(
        metadata={
            "description": "as long as the phone stays this near to where it asked, it enters no fence that is not "
            "listed; then ask again. 0 while an import is being read: ask again with the next position"
        }
    )
