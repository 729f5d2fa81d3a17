"""`whenabouts messages`: the outbox, and what somebody found out about messages whose end was unknown."""

import click

from domain.errors import Fault, Invalid
from domain.ids import parse_id
from domain.messages import MessageState
from service.cli.opening import opened, the_brand
from service.cli.output import explained, json_option, show_json, show_table
from storage import messages as outbox
from storage import unknowns
from storage.engine import Transaction

_brand_option = click.option(
    "--brand", "slug", help="The brand's slug; needed where there are several."
)


@click.group(invoke_without_command=True)
@click.pass_context
@_brand_option
@click.option("--state", type=click.Choice([state.value for state in MessageState]))
@click.option("--limit", default=50, show_default=True)
@json_option
@explained
def messages(
    context: click.Context, slug: str | None, state: str | None, limit: int, as_json: bool
) -> None:
    """List messages, newest first, with what became of each."""
    if context.invoked_subcommand:
        return
    with opened() as database, database.read() as tx:
        rows = outbox.newest(tx, the_brand(tx, slug).id, state=state, limit=limit)
    if as_json:
        show_json(rows)
    else:
        cells = ((r.created_at, r.id, r.state, r.reason, ", ".join(r.deliveries)) for r in rows)
        show_table(["created", "message", "state", "reason", "deliveries"], cells)


@messages.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--as",
    "verdict",
    type=click.Choice([MessageState.SENT.value, MessageState.FAILED.value]),
    required=True,
    help="What you found out.",
)
@_brand_option
@json_option
@explained
def settle(ids: tuple[str, ...], verdict: str, slug: str | None, as_json: bool) -> None:
    """End unknown messages as sent or failed. That they were unknown stays with them, and nothing is sent again."""
    wanted = [parse_id(each) or each for each in ids]
    state = MessageState(verdict)
    with opened() as database:
        with database.read() as tx:
            brand = the_brand(tx, slug)
        settled = database.write(lambda tx: _settle(tx, brand.id, wanted, state))
    if as_json:
        show_json(
            {"state": state, "settled": sorted(settled), "already": len(wanted) - len(settled)}
        )
    else:
        click.echo(f"{len(settled)} messages settled as {state}.")


def _settle(tx: Transaction, brand_id: str, wanted: list[str], state: MessageState) -> set[str]:
    """All of them or none: Invalid names each that is not unknown, save what was settled so before."""
    known = unknowns.states(tx, brand_id, {each for each in wanted if parse_id(each)})
    faults = tuple(
        Fault(pointer=f"/{place}", detail=f"{each}: {_why(known.get(each))}")
        for place, each in enumerate(wanted)
        if not _may_settle(known.get(each), state)
    )
    if faults:
        raise Invalid("Nothing was settled; these messages are not unknown.", faults=faults)
    return unknowns.settle(tx, brand_id, wanted, state)


def _may_settle(found: tuple[MessageState, str | None] | None, state: MessageState) -> bool:
    return found is not None and (
        found[0] is MessageState.UNKNOWN or found == (state, unknowns.WAS_UNKNOWN)
    )


def _why(found: tuple[MessageState, str | None] | None) -> str:
    if found is None:
        return "this brand has no such message; `whenabouts messages --state unknown` lists them."
    return f"it is {found[0]}, which is certain."
