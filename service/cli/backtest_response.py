"""`whenabouts backtest response FILE.csv`: would the response model have foretold your own past answers?"""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from scheduler.learn.trial import forecasts, push_net
from service.cli.output import explained, json_option, show_json
from service.cli.parallel import spread
from service.cli.response_report import MODELS, Answer, Task, order, report, show
from service.cli.response_rows import Roles, Study, read_study, with_segments
from service.cli.segments import clusters
from service.cli.tables import names

_ALONE_BELOW = 20_000  # forecasts, which take less time than helpers take to start


@click.command("response")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--person", required=True, help="Columns that tell people apart, comma-separated.")
@click.option("--offer", required=True, help="The column that names what was offered.")
@click.option("--outcome", required=True, help="The column with 1 (accepted) or 0.")
@click.option("--context", required=True, help="Columns of the moment: place, time, weather …")
@click.option(
    "--habit",
    help="Columns in which people say how often they go to each kind of venue. They are matched to the offers by their "
    'names; "OFFER=COLUMN,…" says it yourself.',
)
@click.option("--time", "time_", help="When each offer was made; rows then run in that order.")
@click.option("--answer-time", help="When each answer was known, where that took its time.")
@click.option("--segments", help="Your own segments; otherwise 12 clusters of the person columns.")
@click.option("--prices", default=".40,.55,.70", show_default=True, help="Of an interruption.")
@click.option("--seed", default=0, show_default=True, help="The first of the seeds.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a PNG.")
@json_option
@explained
def response(
    file: Path,
    person: str,
    offer: str,
    outcome: str,
    context: str,
    habit: str | None,
    time_: str | None,
    answer_time: str | None,
    segments: str | None,
    prices: str,
    seed: int,
    seeds: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Predict each row of FILE from the rows before it, then learn it: everybody alike, segments, one person's own terms.

    Without --time the figures are the mean over shuffled orders.
    """
    started = time.monotonic()
    columns, matches = _habits(habit)
    study = read_study(
        file,
        Roles(
            person=names(person),
            offer=offer,
            outcome=outcome,
            context=names(context),
            habit=columns,
            matches=matches,
            time=time_,
            answer_time=answer_time,
            segments=segments,
        ),
    )
    if segments is None:
        study = with_segments(study, _clustered(study, seed))
    costs = _prices(prices)
    orders = range(seed, seed + seeds)
    answers = _run(study, orders, costs)
    figures = report(study, answers, seeds=orders, prices=costs)
    figures["seconds"] = round(time.monotonic() - started, 2)
    if plot:
        from service.cli.response_plot import draw  # noqa: PLC0415 - matplotlib is an extra and slow

        draw(figures, plot)
    show_json(figures) if as_json else show(figures)


def _clustered(study: Study, seed: int) -> list[str]:
    named = enumerate(study.profile_columns)
    numeric = {place for place, name in named if name in study.layout.numeric}
    return clusters(study.profiles, numeric=numeric, seed=seed)


def _run(study: Study, seeds: Sequence[int], prices: Sequence[float]) -> dict[Task, Answer]:
    passes = seeds[:1] if study.roles.time else seeds
    tasks = [Task(own, seed) for own in MODELS for seed in passes]
    tasks += [Task(own, seed, price) for own in MODELS for seed in seeds for price in prices]
    helpers = 1 if len(study.rows) * len(tasks) < _ALONE_BELOW else None
    answers: dict[Task, Answer] = {}
    with click.progressbar(length=len(tasks), label="passes", file=sys.stderr) as bar:
        for task, answer in spread(partial(_pass, study), tasks, processes=helpers):
            answers[task] = answer
            bar.update(1)
    return answers


def _pass(study: Study, task: Task) -> Answer:
    rows = [study.rows[place] for place in order(study, task.seed)]
    started = time.process_time()
    if task.price is None:
        told = forecasts(rows, study.layout, task.own)
        return Answer(told, None, time.process_time() - started)
    net = push_net(rows, study.layout, task.own, price=task.price, seed=task.seed)
    return Answer([], net, time.process_time() - started)


def _habits(text: str | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """The habit columns, and which offer each belongs to where that is said as OFFER=COLUMN."""
    entries = [entry.rpartition("=") for entry in names(text)]
    columns = tuple(dict.fromkeys(column.strip() for _, _, column in entries))
    return columns, {offer.strip(): column.strip() for offer, equals, column in entries if equals}


def _prices(text: str) -> tuple[float, ...]:
    try:
        prices = tuple(float(price) for price in names(text))
    except ValueError:
        prices = (-1.0,)
    if not all(0 < price < 1 for price in prices):
        raise click.UsageError(
            f"--prices {text}: a price is a part of one answer's worth, such as .40; several are split by commas."
        )
    return prices
