import marshmallow as ma

from domain.haunts import PlaceKind


class ClaimSchema(ma.Schema):
    """A home or workplace that the evidence is enough for."""

    kind = ma.fields.Enum(PlaceKind, by_value=True)
    sentence = ma.fields.Str(
        metadata={"example": "You work around here on weekdays: 14 of 17 weekdays."}
    )
    seen = ma.fields.Int(metadata={"description": "nights or weekdays there, fading within weeks"})
    of = ma.fields.Int(metadata={"description": "of so many on which the phone was seen at all"})
    days = ma.fields.Int(metadata={"description": "different dates there in all"})
    certain = ma.fields.Bool()


class AreaSchema(ma.Schema):
    """The middle of a cell of about 500 m: nothing finer is stored."""

    latitude = ma.fields.Float()
    longitude = ma.fields.Float()
    width_m = ma.fields.Float()


class OwnClaimSchema(ClaimSchema):
    area = ma.fields.Nested(AreaSchema)


class CellSchema(ma.Schema):
    """One cell with its evidence; hours, nights and weekdays fade with 28 days."""

    area = ma.fields.Nested(AreaSchema)
    claimed_as = ma.fields.List(ma.fields.Enum(PlaceKind, by_value=True))
    hours = ma.fields.Float()
    nights = ma.fields.Float()
    weekdays = ma.fields.Float()
    days = ma.fields.Int()
    last_seen_on = ma.fields.Date()


class OwnPlacesSchema(ma.Schema):
    """All that is stored of the places of the person who asks; kept only as long as `location` and `habits` are granted."""

    claimed = ma.fields.List(ma.fields.Nested(OwnClaimSchema))
    cells = ma.fields.List(ma.fields.Nested(CellSchema))


class ReachedStoreSchema(ma.Schema):
    store = ma.fields.Str()
    distance_m = ma.fields.Float(metadata={"description": "to 500 m"})


class BrandClaimSchema(ClaimSchema):
    """As the brand reads it: the stores within 5 km, and not where the place is."""

    sentence = ma.fields.Str(
        metadata={"example": "works around here on weekdays: 14 of 17 weekdays, certain"}
    )
    stores = ma.fields.List(ma.fields.Nested(ReachedStoreSchema))
