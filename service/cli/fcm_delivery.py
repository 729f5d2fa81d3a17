"""`whenabouts import fcm-delivery`: what Firebase tells of deliveries, taken into the funnel."""

import sys

import click

from domain.clock import SystemClock
from domain.errors import Invalid
from notifiers import reports
from scheduler.reported import Reported, Taken
from service.cli.opening import opened, settings, the_brand
from service.cli.output import REFUSED, show_json
from service.cli.refused import show_refused


def take_reports(content: bytes, slug: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Takes a whole file, or nothing where a row of it cannot be read."""
    found = reports.read(content)
    if found.faults:
        text = f"{len(found.faults)} rows cannot be read; nothing was imported."
        show_refused(Invalid(text, faults=found.faults), as_json)
        sys.exit(REFUSED)
    with opened() as database:
        with database.read() as tx:
            brand = the_brand(tx, slug)
        project = brand.fcm_project or settings().fcm_project
        taking = Reported(database, brand_id=brand.id, project=project, now=SystemClock().now())
        taken = taking.take(found, dry_run=dry_run)
    if as_json:
        show_json(taken)
    else:
        _say(taken)


def _say(taken: Taken) -> None:
    would = "Would take" if taken.dry_run else "Took"
    click.echo(
        f"{would} {taken.delivered} deliveries, {taken.known} known before; "
        f"{taken.settled} unknown messages turned out to be sent; {taken.reports} sums of FCM."
    )
    if taken.strange or taken.other:
        click.echo(
            f"Left out {taken.strange} rows of messages that this brand did not send or no longer knows, "
            f"and {taken.other} that tell of neither acceptance nor delivery.",
            err=True,
        )
