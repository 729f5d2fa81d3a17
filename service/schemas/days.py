"""Days as numbers are asked for: of the brand's own zone, both ends included."""

from datetime import date, timedelta
from typing import Any

import marshmallow as ma

from domain.errors import Fault, Invalid

MOST_DAYS = 400


class DaysQuery(ma.Schema):
    """`?from=&to=`: the first and the last day."""

    first = ma.fields.Date(
        data_key="from",
        load_default=None,
        metadata={"description": "the first day, in the brand's zone", "example": "2026-05-01"},
    )
    last = ma.fields.Date(
        data_key="to",
        load_default=None,
        metadata={"description": "the last day, included", "example": "2026-05-31"},
    )


def days(query: dict[str, Any], *, first: date, last: date) -> tuple[date, date]:
    """The first and last day that were asked for, or these; Invalid where they are in no order or too many."""
    until = query["last"] or last
    since = query["first"] or min(first, until)
    if since > until:
        detail = f"`from` must not be after `to`, which is {until}."
        raise Invalid(detail, faults=(Fault(pointer="/from", detail=detail),))
    if until - since >= timedelta(days=MOST_DAYS):
        detail = f"Ask for {MOST_DAYS} days at most; these are {(until - since).days + 1}."
        raise Invalid(detail, faults=(Fault(pointer="/from", detail=detail),))
    return since, until
