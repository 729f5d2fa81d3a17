"""Which form a file of rows has."""

import click

from service import rows

FORMS = {"csv": rows.CSV, "json": rows.JSON, "geojson": rows.GEOJSON}


def ending(name: str) -> str:
    """The form that a file's ending stands for; UsageError where it stands for none."""
    form = name.rpartition(".")[2].lower()
    if form not in FORMS:
        raise click.UsageError(
            f"{name} does not end in {', '.join(FORMS)}; say which with --format."
        )
    return form
