"""`whenabouts stats`"""

from datetime import date, datetime

import click

from domain.clock import SystemClock
from domain.people import Mode
from service.cli.opening import opened, the_brand
from service.cli.output import explained, json_option, show_json, show_table
from service.schemas.days import days
from service.tally import Funnel, tally, usual_days

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option("--test", "is_test", is_flag=True, help="Count the test customers.")
@click.option("--from", "first", type=_DAY, help="The first day; four weeks ago if not given.")
@click.option("--to", "last", type=_DAY, help="The last day, included; today if not given.")
@json_option
@explained
def stats(
    slug: str | None,
    is_test: bool,
    first: datetime | None,
    last: datetime | None,
    as_json: bool,
) -> None:
    """Count what was decided, why, and what became of each offer."""
    asked = {"first": _date(first), "last": _date(last)}
    with opened() as database, database.read() as tx:
        brand = the_brand(tx, slug)
        since, until = usual_days(brand, SystemClock().now())
        begin, end = days(asked, first=since, last=until)
        mode = Mode.TEST if is_test else Mode.LIVE
        found = tally(tx, brand, mode, first=begin, last=end)
    if as_json:
        show_json(found)
        return
    show_table(
        ["outcome", "reason", "decisions"], [(r.outcome, r.code, r.count) for r in found.reasons]
    )
    show_table(
        [
            "offer",
            "decided",
            "sent",
            "accepted",
            "delivered",
            "opened",
            "redeemed",
            "FCM's own sum",
        ],
        [
            (
                f.offer,
                f.decided,
                f.sent,
                f.accepted,
                f.delivered,
                f.opened,
                f.redeemed,
                _reported(f),
            )
            for f in found.funnel
        ],
    )


def _reported(funnel: Funnel) -> str | None:
    if funnel.reported_accepted is None:
        return None
    return f"{funnel.reported_delivered} of {funnel.reported_accepted}"


def _date(given: datetime | None) -> date | None:
    return given.date() if given else None
