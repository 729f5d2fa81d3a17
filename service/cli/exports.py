"""`whenabouts export`: whole tables to files, as `whenabouts import` takes them."""

import os
from contextlib import suppress
from pathlib import Path

import click

from service.cli.files import FORMS, ending
from service.cli.opening import opened, the_brand
from service.cli.output import explained, json_option, show_json
from service.exporting import KINDS, Kind, written
from storage.engine import Database


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True))
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), help="Else the file's ending tells."
)
@json_option
@explained
def export(kind: str, file: str, slug: str | None, form: str | None, as_json: bool) -> None:
    """Export all rows to FILE (CSV or GeoJSON, items CSV or JSON; - writes standard output)."""
    content_type = _content_type(KINDS[kind], form or ending(file))
    if file == "-" and as_json:
        raise click.UsageError("--json and the rows would both go to standard output; name a file.")
    with opened() as database:
        with database.read() as tx:
            brand_id = the_brand(tx, slug).id
        size = _write(database, KINDS[kind], content_type, brand_id, file)
    if as_json:
        show_json({"file": file, "bytes": size})
    elif file != "-":
        click.echo(f"Wrote {file}, {size} bytes.")


def _content_type(kind: Kind, form: str) -> str:
    if FORMS[form] not in kind.forms:
        there = ", ".join(name for name, spelled in FORMS.items() if spelled in kind.forms)
        raise click.UsageError(f"This table is written as {there}; choose one with --format.")
    return FORMS[form]


def _write(database: Database, kind: Kind, content_type: str, brand_id: str, file: str) -> int:
    """How many bytes were written. A file that was there is replaced only by a whole one."""
    pieces = written(database, kind, content_type, brand_id)
    if file == "-":
        with click.open_file("-", "wb") as out:
            return sum(out.write(piece) for piece in pieces)
    partial = Path(f"{file}.part")
    try:
        with partial.open("wb") as out:
            size = sum(out.write(piece) for piece in pieces)
        os.replace(partial, file)
    except OSError as error:
        raise click.FileError(file, hint=error.strerror) from None
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return size
