"""How commands speak: tables for people, one JSON document for machines; refusals end with exit code 1."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from domain.errors import Refusal
from service.environment import WrongSettings

_WIDEST = 10_000  # columns where nobody looks: what is piped keeps its ids whole
USAGE_ERROR = 2
REFUSED = 1
UNHEALTHY = 3

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def show_json(value: Any) -> None:
    """One JSON document on one line of standard output."""
    click.echo(msgspec.json.encode(value))


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, err: bool = False
) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column, overflow="fold"
        )  # an id that is cut short can be given to no command
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console = Console(file=sys.stderr if err else sys.stdout)
    if not console.is_terminal:
        console.width = _WIDEST
    console.print(table)


def explained(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turns refusals and wrong settings into one clear line on standard error and an exit code."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except Refusal as refusal:
            places = "".join(f"\n  {fault.pointer}: {fault.detail}" for fault in refusal.faults)
            click.echo(f"Error: {refusal.detail}{places}", err=True)
            sys.exit(REFUSED)
        except WrongSettings as wrong:
            click.echo(f"Error: the settings are wrong.\n{wrong}", err=True)
            sys.exit(USAGE_ERROR)

    return run
