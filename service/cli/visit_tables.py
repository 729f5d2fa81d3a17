"""What the backtests of visits showed, as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from service.cli.output import show_table


def show(kind: str, found: Mapping[str, Any]) -> None:
    """Prints the tables of this kind of backtest."""
    _SHOWN[kind](found)
    click.echo(f"\n{found['seconds']} s, {found['events_per_minute']} rows a minute")


def _rhythm(found: Mapping[str, Any]) -> None:
    click.echo(f"{found['people']} people, {found['test_visits']} visits foretold\n")
    columns = ("log_likelihood", "window3", "ece")
    models = {**found["models"], "whenabouts, online": found["online"]["whenabouts"]}
    _models(models, columns)
    click.echo("\nnats per visit that whenabouts is better, 95 % interval over people")
    show_table(
        ("", "better", "from", "to"),
        [
            (name, *(f"{each[key]:+.4f}" for key in ("value", "low", "high")))
            for name, each in found["gain"].items()
        ],
    )
    click.echo("\nby visits that taught (log-likelihood)")
    _buckets(found["by_events"], "visits")
    if "where" in found:
        places = found["where"]
        click.echo(f"\nthe place of {places['visits']} next visits of {places['people']} people")
        named = {name.replace("_", " "): each for name, each in places["models"].items()}
        _models(named, ("log_likelihood", "top1"))


def _next_visit(found: Mapping[str, Any]) -> None:
    for days, each in found["horizons"].items():
        click.echo(
            f"\nwithin {days} days: {each['questions']} questions, base rate {each['base_rate']:.3f}\n"
        )
        _models(each["models"], ("log_loss", "auc", "ece"))
        click.echo("\nby visits so far (log loss)")
        _buckets(each["by_visits"], "questions")


def _moment(found: Mapping[str, Any]) -> None:
    click.echo(f"{found['questions']} person-hours, base rate {found['base_rate']:.4f}\n")
    columns = ("auc", "precision_at_0.5%", "recall_at_5%", "log_loss", "ece")
    _models(found["models"], columns)


def _taste(found: Mapping[str, Any]) -> None:
    click.echo(
        f"{found['asked']} orders foretold of {found['people']} people, {found['items']} items\n"
    )
    show_table(
        ("earlier orders", "orders", "favourite of all", "top 1", "top 3"),
        [
            (
                f"{each['from']}+",
                each["orders"],
                f"{each['global']['top1']:.3f}",
                *(f"{each['whenabouts'][top]:.3f}" for top in ("top1", "top3")),
            )
            for each in found["by_visits"]
        ],
    )


def _models(models: Mapping[str, Mapping[str, float]], columns: Sequence[str]) -> None:
    rows = [(name, *(f"{each[column]:.4f}" for column in columns)) for name, each in models.items()]
    show_table(("", *(column.replace("_", " ") for column in columns)), rows)


def _buckets(buckets: Sequence[Mapping[str, float]], count: str) -> None:
    names = [name for name in buckets[0] if name not in ("from", count)]
    rows = [
        (f"{each['from']}+", each[count], *(f"{each[name]:.4f}" for name in names))
        for each in buckets
    ]
    show_table(("", count, *names), rows)


_SHOWN = {"rhythm": _rhythm, "next_visit": _next_visit, "moment": _moment, "taste": _taste}
