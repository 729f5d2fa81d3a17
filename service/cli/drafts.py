"""What `dry-run` and `simulate` take: drafts in files, windows in days, and a bar while somebody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import click
import marshmallow as ma
import msgspec

from domain.errors import Invalid
from domain.offers import OfferBody
from domain.policy import Brand
from scheduler.context.clock import to_utc, zone_of
from service.api import offers
from service.cli.bar import bar
from service.cli.opening import settings
from service.cli.output import USAGE_ERROR
from service.errors import pointers
from service.schemas.offers import OfferSchema

DAY = click.DateTime(["%Y-%m-%d"])
Watch = Callable[[int, int], None]  # how many are done, of how many


class WrongDraft(click.ClickException):
    """The file is not what it should be; the message names each place. Exit code 2."""

    exit_code = USAGE_ERROR


def document(path: Path) -> dict[str, Any]:
    """The JSON object in a file; WrongDraft where there is none."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, RecursionError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongDraft(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(found, dict):
        raise WrongDraft(f"{path} must hold one JSON object.")
    return found


def validated(path: Path, body: dict[str, Any], schema: ma.Schema) -> dict[str, Any]:
    """The body as the API would take it; WrongDraft where it would not."""
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ma.ValidationError as error:
        places = "".join(f"\n  {f.pointer}: {f.detail}" for f in pointers("", error.messages))
        raise WrongDraft(f"{path} would be refused:{places}") from error
    return loaded


def offer_of(path: Path, body: dict[str, Any], external_id: str) -> OfferBody:
    """The body of an offer, as `PUT /v1/offers` would take it under that name."""
    loaded = validated(path, body, OfferSchema())
    try:
        return offers.checked(loaded, external_id, settings().public_url)
    except Invalid as error:
        places = "".join(f"\n  {fault.pointer}: {fault.detail}" for fault in error.faults)
        raise WrongDraft(f"{path}: {error.detail}{places}") from error


def window(
    brand: Brand, first: datetime | None, last: datetime | None, now: datetime
) -> tuple[datetime, datetime] | None:
    """From the first day to the end of the last one, by the brand's clock and not beyond now; None where none is named."""
    if first is None and last is None:
        return None
    if first is None:
        raise click.UsageError("Say with --from where the window begins.")
    zone = zone_of(brand.time_zone)
    since = to_utc(first.date(), time(), zone)
    until = to_utc(last.date() + timedelta(days=1), time(), zone) if last else now
    if since >= min(until, now):
        raise click.UsageError(
            "The window is empty: --from must be a day of the past, not after --to."
        )
    return since, min(until, now)


@contextmanager
def progress(what: str) -> Iterator[Watch]:
    """A bar on standard error while somebody watches."""
    with bar() as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)
