import marshmallow as ma

from service.schemas.days import DaysQuery


class UpliftQuery(DaysQuery):
    offer = ma.fields.Str(
        load_default=None, metadata={"description": "keep to this offer (external id)"}
    )


def _number(description: str) -> ma.fields.Float:
    return ma.fields.Float(allow_none=True, metadata={"description": description})


class MeasuredSchema(ma.Schema):
    """An outcome per person over the days asked for. Numbers are null while too little is known."""

    treated_people = ma.fields.Int()
    held_out_people = ma.fields.Int()
    treated_mean = _number("per person who may be spoken to")
    held_out_mean = _number("per person who is held out")
    effect = _number("what the former brought more, adjusted by what people did before")
    low = _number("the interval's lower end")
    high = _number("the interval's upper end")
    level = ma.fields.Float(metadata={"description": "how often such intervals hold the truth"})
    interval = ma.fields.Str(
        metadata={
            "description": "`sequence`: holds however often one looks; `fixed`: for the one planned look"
        }
    )
    variance_reduction = _number("the share of the noise that what people did before explains")
    people_needed = ma.fields.Int(
        allow_none=True,
        metadata={"description": "in all, to find a lift of 10 % with a chance of 80 %"},
    )


class ContrastSchema(ma.Schema):
    visits = ma.fields.Nested(
        MeasuredSchema, metadata={"description": "days on which somebody came"}
    )
    value = ma.fields.Nested(MeasuredSchema, metadata={"description": "money, in `currency`"})


class OfOfferSchema(ma.Schema):
    """Among those for whom this offer was the first that won."""

    offer = ma.fields.Str()
    contrast = ma.fields.Nested(ContrastSchema)


class WindowSchema(ma.Schema):
    first = ma.fields.Date(data_key="from")
    last = ma.fields.Date(data_key="to")


class LookSchema(WindowSchema):
    """The one look that was set beforehand, on the day after `to`; until then `contrast` is null."""

    contrast = ma.fields.Nested(ContrastSchema, allow_none=True)


class UpliftSchema(ma.Schema):
    """What the pushes brought: people who may be spoken to against people who are held out by lot."""

    window = ma.fields.Nested(WindowSchema)
    holdout_share = ma.fields.Float()
    currency = ma.fields.Str()
    verdict = ma.fields.Str(metadata={"description": "the result in a sentence"})
    everyone = ma.fields.Nested(
        ContrastSchema, metadata={"description": "all who could be spoken to"}
    )
    reached = ma.fields.Nested(
        ContrastSchema,
        metadata={
            "description": "those for whom an offer won: it was said, or kept back as a ghost"
        },
    )
    planned_look = ma.fields.Nested(LookSchema, allow_none=True)
    offers = ma.fields.List(ma.fields.Nested(OfOfferSchema))
