"""`whenabouts messages`"""

import click

from domain.messages import MessageState
from service.cli.opening import opened, the_brand
from service.cli.output import explained, json_option, show_json, show_table
from storage import messages as outbox


@click.command()
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option("--state", type=click.Choice([state.value for state in MessageState]))
@click.option("--limit", default=50, show_default=True)
@json_option
@explained
def messages(slug: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List messages, newest first, with what became of each."""
    with opened() as database, database.read() as tx:
        rows = outbox.newest(tx, the_brand(tx, slug).id, state=state, limit=limit)
    if as_json:
        show_json(rows)
    else:
        cells = ((r.created_at, r.id, r.state, r.reason, ", ".join(r.deliveries)) for r in rows)
        show_table(["created", "message", "state", "reason", "deliveries"], cells)
