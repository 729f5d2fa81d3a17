"""`whenabouts dry-run OFFER`"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click

from domain.clock import SystemClock
from domain.people import Mode
from domain.policy import Brand
from scheduler.context.words import money
from scheduler.rehearsing.dry_run import Asked, DryRun, Progress, Rehearsal
from scheduler.rehearsing.funnel import Step
from scheduler.telling.sentences import Audience, Voice
from service.cli.drafts import DAY, document, offer_of, progress, window
from service.cli.opening import opened, settings, the_brand
from service.cli.output import explained, json_option, show_json, show_table
from service.schemas.dry_runs import LEAST_SAMPLE, MOST_SAMPLE, DryRunResultSchema
from storage.engine import Database


@click.command("dry-run")
@click.argument("offer")
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option(
    "--draft",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the offer's body, as a PUT takes it; else the stored one.",
)
@click.option("--from", "first", type=DAY, help="The first day of a window of the past; else now.")
@click.option("--to", "last", type=DAY, help="Its last day, included; today if not given.")
@click.option(
    "--sample",
    type=click.IntRange(LEAST_SAMPLE, MOST_SAMPLE),
    help="Look at about so many people and scale up.",
)
@click.option("--test", "is_test", is_flag=True, help="Rehearse with the test customers.")
@json_option
@explained
def dry_run(
    offer: str,
    slug: str | None,
    draft: Path | None,
    first: datetime | None,
    last: datetime | None,
    sample: int | None,
    is_test: bool,
    as_json: bool,
) -> None:
    """Tell what OFFER would do, now or in a window of the past. Nothing is sent, and nothing is stored."""
    body = offer_of(draft, document(draft), offer) if draft else None
    now = SystemClock().now()
    with opened() as database:
        with database.read() as tx:
            brand = the_brand(tx, slug)
        since, until = window(brand, first, last, now) or (None, None)
        asked = Asked(
            external_id=offer,
            body=body,
            mode=Mode.TEST if is_test else Mode.LIVE,
            since=since,
            until=until,
            sample=sample,
        )
        result = _run(database, brand, asked, now)
    if as_json:
        show_json(DryRunResultSchema().dump(result))
    else:
        _show(result)


def _run(database: Database, brand: Brand, asked: Asked, now: datetime) -> DryRun:
    max_age = timedelta(seconds=settings().weather_max_age_s)
    rehearsal = Rehearsal(database, brand, asked, now=now, weather_max_age=max_age)
    with progress("customers") as watch:
        for told in rehearsal.run():
            if isinstance(told, Progress):
                watch(told.done, told.of)
            else:
                return told
    raise AssertionError("a rehearsal ends with its result")


def _show(result: DryRun) -> None:
    show_table(["step", "people", "stopped here by"], map(_cells, result.steps))
    if result.looked_at < result.people:
        click.echo(f"Of a sample of {result.looked_at} people, scaled up to {result.people}.")
    if moments := result.moments:
        click.echo(
            f"{moments.all} moments; skipped were {moments.redacted} redacted, {moments.pruned} pruned and {moments.failed} that failed; "
            f"{moments.displaced} sends of other offers would give way."
        )
    if result.sends_by_hour:
        show_table(
            ["hour", "sends"], [(f"{h.hour:02d}:00", _whole(h.sends)) for h in result.sends_by_hour]
        )
    click.echo("\n".join(_expected(result)))
    for example in result.examples:
        click.echo(f"{example.customer or example.customer_id}: {example.step}, {example.code}")
        for reason in example.reasons[:1]:
            click.echo(f"    {Voice(Audience.MARKETER).words(reason).text}")


def _cells(step: Step) -> tuple[str, str, str]:
    drops = (
        f"{_whole(drop.people)} {drop.code}{f' ({drop.of})' if drop.of else ''}"
        for drop in step.drops
    )
    between = f" ({_whole(step.low)} to {_whole(step.high or 0)})" if step.low is not None else ""
    return step.name, _whole(step.people) + between, ", ".join(drops)


def _expected(result: DryRun) -> Iterator[str]:
    told, currency = result.expected, result.expected.currency
    yield (
        f"{_whole(told.sends)} sends; {told.redemptions:.1f} visits after them, "
        f"{told.incremental_visits:.1f} of which would not have come anyway."
    )
    yield (
        f"margin {money(told.margin, currency)} − discount {money(told.discount, currency)} + worth "
        f"{money(told.worth, currency)} − interruption {money(told.interruption, currency)} = {money(told.gain, currency)}"
    )


def _whole(number: float) -> str:
    return f"{number:,.0f}"
