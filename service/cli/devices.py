"""`whenabouts devices`: how fresh the targets are, and what is done with those in doubt."""

import click

from domain.clock import SystemClock
from service.cli.opening import opened, the_brand
from service.cli.output import explained, json_option, show_json, show_table
from storage import targets

_brand_option = click.option(
    "--brand", "slug", help="The brand's slug; needed where there are several."
)


@click.group(invoke_without_command=True)
@click.pass_context
@_brand_option
@json_option
@explained
def devices(context: click.Context, slug: str | None, as_json: bool) -> None:
    """Count devices: how many are stale, turned off, in doubt or lost."""
    if context.invoked_subcommand:
        return
    with opened() as database, database.read() as tx:
        found = targets.health(tx, the_brand(tx, slug).id, now=SystemClock().now())
    if as_json:
        show_json(found)
        return
    columns = ["mode", "platform", "kind", "devices", "stale", "denied", "suspect", "lost"]
    show_table(columns, [[getattr(row, column) for column in columns] for row in found])


@devices.command()
@_brand_option
@click.option("--limit", default=50, show_default=True)
@json_option
@explained
def suspects(slug: str | None, limit: int, as_json: bool) -> None:
    """List the targets that FCM called dead when too many were at once."""
    with opened() as database, database.read() as tx:
        found = targets.suspects(tx, the_brand(tx, slug).id, limit=limit)
    if as_json:
        show_json(found)
        return
    columns = ["since", "device", "platform", "reason", "last seen"]
    cells = ((s.since, s.device_id, s.platform, s.reason, s.last_seen_at) for s in found)
    show_table(columns, cells)


@devices.command()
@_brand_option
@json_option
@explained
def retire(slug: str | None, as_json: bool) -> None:
    """Forget the suspect targets: FCM was right. Those that took a push since are spared."""
    now = SystemClock().now()
    with opened() as database:
        with database.read() as tx:
            brand = the_brand(tx, slug)
        count = database.write(lambda tx: targets.confirm(tx, brand.id, now=now))
    _say(count, "forgotten", as_json=as_json)


@devices.command()
@_brand_option
@json_option
@explained
def spare(slug: str | None, as_json: bool) -> None:
    """Clear the suspect targets: something else was wrong, such as the project or its key."""
    with opened() as database:
        with database.read() as tx:
            brand = the_brand(tx, slug)
        count = database.write(lambda tx: targets.spare(tx, brand.id))
    _say(count, "spared", as_json=as_json)


def _say(count: int, what: str, *, as_json: bool) -> None:
    if as_json:
        show_json({what: count})
    else:
        click.echo(f"{count} targets {what}.")
