"""`whenabouts why CUSTOMER`"""

import click

from domain.people import Mode
from scheduler.telling.explanation import Explanation
from scheduler.telling.sentences import Audience, Voice
from service.cli.opening import opened, the_brand
from service.cli.output import explained, json_option, show_json
from service.speaking import explanation, in_words
from storage import history
from storage.history import Told


@click.command()
@click.argument("customer")
@click.option("--brand", "slug", help="The brand's slug; needed where there are several.")
@click.option("--test", "is_test", is_flag=True, help="Look among the test customers.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 200))
@click.option(
    "--audience",
    type=click.Choice([each.value for each in Audience]),
    help="Explain to them, with what would have changed it.",
)
@click.option("--locale", help="The language, such as fi; English without it.")
@json_option
@explained
def why(
    customer: str,
    slug: str | None,
    is_test: bool,
    limit: int,
    audience: str | None,
    locale: str | None,
    as_json: bool,
) -> None:
    """Tell why CUSTOMER (external id or our id) got each push, or did not, newest first."""
    mode = Mode.TEST if is_test else Mode.LIVE
    with opened() as database, database.read() as tx:
        brand = the_brand(tx, slug)
        rows = history.explain_rows(tx, brand_id=brand.id, mode=mode, who=customer, limit=limit)
        voice = Voice(Audience(audience or Audience.MARKETER), [locale])
        explained = {row.id: explanation(tx, row.id, voice) for row in rows} if audience else {}
    if as_json:
        show_json([{**in_words(row, voice), **explained.get(row.id, {})} for row in rows])
        return
    for row in rows:
        why_so = explained.get(row.id, {}).get("explanation")
        lines = _explained(why_so) if why_so else _reasons(row, voice)
        delivered = [f"    delivery: {each.status}" for each in row.deliveries]
        click.echo("\n".join([_heading(row), *lines, *delivered]))
    if not rows:
        click.echo("Nothing was decided about this customer yet: no moment has come.")


def _heading(told: Told) -> str:
    at = told.decided_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    where = f" at {told.moment.store}" if told.moment.store else ""
    line = f"{at}  {told.outcome.value.upper()}  {told.moment.cause}{where}  {told.offer or ''}"
    return line.rstrip()


def _explained(why_so: Explanation) -> list[str]:
    return [
        *(f"    {sentence}" for sentence in why_so.sentences),
        *(f"      {sentence}" for sentence in why_so.would_change),
    ]


def _reasons(told: Told, voice: Voice) -> list[str]:
    lines = []
    for reason in map(voice.words, told.reasons):
        about = f"[{reason.offer}] " if reason.offer else ""
        lines.append(f"    {about}{reason.text}")
        if reason.account:
            lines.append(f"      {reason.account}")
        if reason.would_change:
            lines.append(f"      {voice.say('label.would_change', text=reason.would_change)}")
    return lines
