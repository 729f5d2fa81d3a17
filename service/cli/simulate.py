"""`whenabouts simulate`"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import click

from domain.clock import SystemClock
from domain.offers import Offer
from domain.policy import Brand, Policy
from scheduler.learn.off_policy import Estimate
from scheduler.rehearsing.dry_run import Progress, drafted
from scheduler.rehearsing.recorded import Window
from scheduler.rehearsing.simulating import PER, Simulated, Simulation
from scheduler.rehearsing.weighing import Draft
from service.api.engine import changed
from service.cli.drafts import DAY, WrongDraft, document, offer_of, progress, validated, window
from service.cli.opening import opened, settings, the_brand
from service.cli.output import explained, json_option, show_json, show_table
from service.schemas.engine import PolicySchema
from storage.engine import Database, Transaction

REFUSED = 3
_USUAL = timedelta(days=28)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option(
    "--policy", type=_FILE, help="What to change of the policy, as PUT /v1/engine takes it."
)
@click.option(
    "--offer",
    "offers",
    type=_FILE,
    multiple=True,
    help="An offer's body with its external_id; again for more.",
)
@click.option("--from", "first", type=DAY, help="The first day; four weeks ago if not given.")
@click.option("--to", "last", type=DAY, help="The last day, included; today if not given.")
@json_option
@explained
def simulate(
    slug: str | None,
    policy: Path | None,
    offers: tuple[Path, ...],
    first: datetime | None,
    last: datetime | None,
    as_json: bool,
) -> None:
    """Estimate from recorded history what a draft would have earned.

    Exits with 0 where it can be told, 3 where the history is too thin for it, 2 for a draft that would be refused.
    """
    if policy is None and not offers:
        raise click.UsageError("Give a draft: --policy FILE, --offer FILE, or both.")
    body = validated(policy, document(policy), PolicySchema()) if policy else {}
    now = SystemClock().now()
    with opened() as database:
        with database.read() as tx:
            brand = the_brand(tx, slug)
            drafts = tuple(_offer(tx, brand, path) for path in offers)
        span = window(brand, first or now - _USUAL, last, now)
        assert span, "a first day is always named"
        draft = Draft(partial(_changed, body), drafts)
        told = _run(database, brand, draft, Window(*span), now)
    if as_json:
        show_json(told)
    else:
        _show(told)
    raise SystemExit(REFUSED if told.missing else 0)


def _changed(body: dict[str, object], policy: Policy) -> Policy:
    return changed(policy, body)


def _offer(tx: Transaction, brand: Brand, path: Path) -> Offer:
    body = document(path)
    name = body.pop("external_id", None)
    if not isinstance(name, str) or not name:
        raise WrongDraft(f'{path} must name its offer: add "external_id".')
    return drafted(tx, brand, name, offer_of(path, body, name))


def _run(database: Database, brand: Brand, draft: Draft, span: Window, now: datetime) -> Simulated:
    max_age = timedelta(seconds=settings().weather_max_age_s)
    simulation = Simulation(database, brand, draft, span, now=now, weather_max_age=max_age)
    with progress("customers") as watch:
        for told in simulation.run():
            if isinstance(told, Progress):
                watch(told.done, told.of)
            else:
                return told
    raise AssertionError("a simulation ends with its result")


def _show(told: Simulated) -> None:
    found = told.support
    click.echo(
        f"{found.moments} moments with a choice, from {told.since:%Y-%m-%d %H:%M} to {told.until:%Y-%m-%d %H:%M} UTC; "
        f"beside them {', '.join(f'{many} {why}' for why, many in told.beside.items()) or 'none'}."
    )
    click.echo(
        f"Draft and policy in force choose the same at {found.agreement:.1%} of them. What was chosen speaks for the draft "
        f"like {found.ess:.0f} moments of its own."
    )
    if told.missing:
        click.echo("No answer:")
        for each in told.missing:
            days = f" At this pace that takes {each.days:.0f} days in all." if each.days else ""
            click.echo(f"  {each.text}{days}")
        return
    click.echo(f"Earned per {PER:,} moments, in {told.currency}, with intervals of 95 %:")
    show_table(["", "draft", "in force", "more"], _lines(told))


def _lines(told: Simulated) -> Iterator[tuple[str, ...]]:
    for name, label in (("dr", "doubly robust"), ("snips", "SNIPS"), ("ips", "IPS")):
        some = (getattr(each, name) for each in (told.draft, told.then, told.more))
        yield label, *map(_estimate, some)


def _estimate(each: Estimate) -> str:
    return f"{each.value:,.2f} ({each.low:,.2f} to {each.high:,.2f})"
