"""How a refused file is shown: every mistake with its place and what to do about it."""

import re

import click

from domain.errors import Fault, Invalid
from service.cli.output import show_json, show_table

MOST_SHOWN = 50  # mistakes in the table; the JSON document has them all
_PLACE = re.compile(r"^(?:(Line|Row|Feature) (\d+): )?(.*)$", re.DOTALL)
_ROW = re.compile(r"^/(?:(?:features|data|head)/)?\d+/?")


def show_refused(error: Invalid, as_json: bool) -> None:
    if as_json:
        show_json({"code": error.code, "detail": error.detail, "errors": list(error.faults)})
        return
    click.echo(f"Error: {error.detail}", err=True)
    if error.faults:
        show_table(
            ["where", "column", "what to do"], map(_cells, error.faults[:MOST_SHOWN]), err=True
        )
    if (more := len(error.faults) - MOST_SHOWN) > 0:
        click.echo(f"… and {more} more; --json lists them all.", err=True)


def _cells(fault: Fault) -> tuple[str, str, str]:
    """A fault as a line of a table: the place that people find in the file, the column, and what to do."""
    place, number, detail = _PLACE.fullmatch(fault.detail).groups()  # type: ignore[union-attr]  # it matches every text
    return f"{place or ''} {number or ''}".strip(), _ROW.sub("", fault.pointer), detail
