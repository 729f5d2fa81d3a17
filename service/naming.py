"""Names in paths: what a brand may call its stores, fences, items and offers."""

import marshmallow as ma
from flask import request

from domain.errors import Fault, Invalid, NotFound
from service.errors import pointers
from service.schemas import fields

LONGEST = 200


def named(name: str, *, pointer: str = "/external_id") -> str:
    """The name from a path, for saving under it; Invalid where not every database takes it."""
    faults = tuple(Fault(pointer=pointer, detail=each.detail) for each in _faults(name))
    if faults:
        raise Invalid("This name in the path cannot be used.", faults=faults)
    return name


def refuse_impossible() -> None:
    """Before each request: nothing has a name with a NUL in it, and no database should be asked."""
    if any("\0" in value for value in (request.view_args or {}).values() if isinstance(value, str)):
        raise NotFound("There is no such object.")


def _faults(name: str) -> list[Fault]:
    try:
        fields.text(LONGEST).deserialize(name)
    except ma.ValidationError as error:
        return list(pointers("", error.messages))
    return []
