from typing import Any

import marshmallow as ma

from domain.people import Purpose
from service.schemas import fields
from service.schemas.base import AdminSchema
from service.schemas.consents import MOST_ENTRIES


class BackendStatementSchema(AdminSchema):
    """What a person told the brand outside of its app: on paper, by mail, at the till.

    A withdrawal always counts. A grant needs the wording the person agreed to, its version, and evidence.
    """

    purpose = ma.fields.Enum(Purpose, by_value=True, required=True)
    granted = fields.Flag(required=True)
    wording = fields.text(10_000, least=0, load_default="")
    wording_version = fields.text(64, least=0, load_default="")
    locale = fields.locale(load_default=None, allow_none=True)
    source = fields.text(64, load_default="backend", metadata={"example": "paper form"})
    evidence = fields.text(
        10_000,
        load_default=None,
        allow_none=True,
        metadata={"description": "where the proof of a grant lies, such as the number of a form"},
    )
    occurred_at = fields.Time(
        load_default=None, allow_none=True, metadata={"description": "now by default"}
    )

    @ma.validates_schema
    def _check_proof(self, body: dict[str, Any], **_: Any) -> None:
        if not body.get("granted"):
            return
        lacking = [
            name for name in ("wording", "wording_version", "evidence") if not body.get(name)
        ]
        if lacking:
            detail = ["A grant without the app needs this: what was agreed to, and the proof."]
            raise ma.ValidationError(dict.fromkeys(lacking, detail))


class BackendStatementsSchema(AdminSchema):
    entries = ma.fields.List(
        ma.fields.Nested(BackendStatementSchema),
        required=True,
        validate=ma.validate.Length(min=1, max=MOST_ENTRIES),
    )
