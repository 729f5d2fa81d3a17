"""`whenabouts import`: whole tables from files, all rows or none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click
from rich.progress import Progress
from werkzeug.exceptions import HTTPException

from domain.access import CredentialKind, Principal, Scope
from domain.clock import SystemClock
from domain.errors import Invalid
from domain.people import Mode
from service import geocode
from service.cli.bar import bar
from service.cli.fcm_delivery import take_reports
from service.cli.files import FORMS, ending
from service.cli.opening import opened, settings, the_brand
from service.cli.output import REFUSED, explained, json_option, show_json
from service.cli.refused import show_refused
from service.importing import KINDS, Importer, Outcome
from service.locating import Locator, Watch
from storage.engine import Database

FCM_DELIVERY = "fcm-delivery"
MOST_ROWS = 1_000_000  # on PostgreSQL, where nobody waits for an import


@click.command("import")
@click.argument("kind", type=click.Choice([*KINDS, FCM_DELIVERY]))
@click.argument("file", type=click.File("rb"))
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option(
    "--dry-run", is_flag=True, help="Check everything, say what would happen, keep nothing."
)
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), help="Else the file's ending tells."
)
@click.option("--test", "is_test", is_flag=True, help="Import test customers, or their events.")
@json_option
@explained
def import_(
    kind: str,
    file: IO[bytes],
    slug: str | None,
    dry_run: bool,
    form: str | None,
    is_test: bool,
    as_json: bool,
) -> None:
    """Import a FILE (CSV, GeoJSON or JSON; - reads standard input): all rows or none; known names are replaced.

    Of the kind fcm-delivery it is Firebase's BigQuery export as JSON lines, or answers of the FCM Data API.
    """
    if kind == FCM_DELIVERY:
        take_reports(file.read(), slug, dry_run=dry_run, as_json=as_json)
        return
    content_type = FORMS[form or ending(getattr(file, "name", "-"))]
    mode = Mode.TEST if is_test else Mode.LIVE
    with opened() as database, _progress() as watch:
        try:
            with database.read() as tx:
                principal = _operator(the_brand(tx, slug).id, mode)
            locator = Locator(database, geocode.of(settings()), most=None)
            outcome = Importer(database, SystemClock(), locator, watch=watch).run(
                KINDS[kind],
                file.read(),
                content_type,
                principal,
                dry_run=dry_run,
                most=_most(database, kind),
            )
            refused = None
        except HTTPException as error:
            refused = Invalid(error.description or str(error))
        except Invalid as error:
            refused = error
    if refused is None:
        _show(outcome, as_json)
    else:
        show_refused(refused, as_json)
        sys.exit(REFUSED)


def _operator(brand_id: str, mode: Mode) -> Principal:
    """Who can open the database may do what every key of the brand may."""
    return Principal(
        kind=CredentialKind.SECRET,
        brand_id=brand_id,
        mode=mode,
        credential_id="",
        scopes=tuple(Scope),
    )


def _most(database: Database, kind: str) -> int:
    """On SQLite a running service cannot write meanwhile, so a file is as long there as over HTTP."""
    return KINDS[kind].most if database.is_sqlite else MOST_ROWS


@contextmanager
def _progress() -> Iterator[Watch]:
    """A bar on standard error while somebody watches."""
    with bar() as shown:
        yield _watch(shown)


def _watch(shown: Progress) -> Watch:
    task = shown.add_task("reading", total=None)

    def watch(what: str, done: int, of: int) -> None:
        shown.update(task, description=what, completed=done, total=of or None)

    return watch


def _show(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        show_json(outcome)
        return
    for warning in outcome.warnings:
        click.echo(f"Note: {warning}", err=True)
    done = "Would import" if outcome.dry_run else "Imported"
    counts = f"{outcome.created} new, {outcome.updated} changed, {outcome.unchanged} as they were"
    click.echo(f"{done} {outcome.rows} rows: {counts}.")
