"""`whenabouts replay DECISION`"""

import json

import click

from domain.ids import parse_id
from scheduler.replaying import Replay, Replayer, Result
from service.cli.opening import opened
from service.cli.output import explained, json_option, show_json
from storage import decisions

_EXITS = {
    Result.IDENTICAL: 0,
    Result.UNCOMPUTED: 0,
    Result.DIFFERS: 1,
    Result.REDACTED: 3,
    Result.PRUNED: 3,
}
_UNKNOWN = 2
_WORDS = {
    Result.IDENTICAL: "identical: the stored inputs give the stored decision",
    Result.UNCOMPUTED: "uncomputed: this silence was not chosen; its reason says what ended it",
    Result.REDACTED: "redacted: its person was erased or withdrew, and its inputs are gone",
    Result.PRUNED: "pruned: its inputs were kept as long as they should be, and are gone",
    Result.DIFFERS: "differs:",
}


@click.command()
@click.argument("decision")
@json_option
@explained
def replay(decision: str, as_json: bool) -> None:
    """Compute DECISION (its id) again from its stored inputs, and tell whether the same comes out.

    Exits with 0 where it does, 1 where it differs, 2 where there is no such decision, 3 where its inputs are gone
    (redacted or pruned).
    """
    id_ = parse_id(decision)
    with opened() as database, database.read() as tx:
        stored = decisions.by_id(tx, id_) if id_ else None
        found = Replayer(tx).replay(stored) if stored else None
    if found is None:
        raise click.UsageError(f"There is no decision {decision!r}.")
    _show(found, as_json=as_json)
    raise SystemExit(_EXITS[found.result])


def _show(found: Replay, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    click.echo(_WORDS[found.result])
    for each in found.differences:
        click.echo(f"  {each.what}: stored {json.dumps(each.stored)}")
        click.echo(f"  {' ' * len(each.what)}     now {json.dumps(each.now)}")
