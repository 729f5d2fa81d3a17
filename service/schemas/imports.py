import marshmallow as ma


class ImportQuery(ma.Schema):
    dry_run = ma.fields.Bool(
        load_default=False,
        metadata={"description": "check everything and say what would happen, but keep nothing"},
    )


class ImportSchema(ma.Schema):
    """What an import did, or would do."""

    dry_run = ma.fields.Bool()
    rows = ma.fields.Int()
    created = ma.fields.Int()
    updated = ma.fields.Int()
    unchanged = ma.fields.Int(metadata={"description": "the same already, or imported before"})
    warnings = ma.fields.List(
        ma.fields.Str(),
        metadata={"description": "accepted, and yet it may not work as meant; with its row"},
    )
