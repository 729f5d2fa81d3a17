"""What a trial of the response model showed: figures for machines, tables for people."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from scheduler.learn import scores
from scheduler.learn.columns import Own, Phrasing
from scheduler.learn.trial import Net, earlier_answers, shuffled
from service.cli.output import show_table
from service.cli.response_rows import Study, as_told

EARLIER = (0, 1, 3, 6, 11, 16)  # the first of each bucket of earlier answers
MODELS = (Own.NOBODY, Own.SEGMENT, Own.PERSON)


class Task(NamedTuple):
    """One pass: a forecast of all rows, or, at a price, of the pushes that a policy would make."""

    own: Own
    seed: int
    price: float | None = None


class Answer(NamedTuple):
    """The forecasts of a pass, or what its pushes earned, and the processor's seconds for it."""

    forecasts: Sequence[float]
    net: Net | None
    cpu_s: float


Answers = Mapping[Task, Answer]
Losses = dict[Own, NDArray[np.float64]]


class _Passes:
    """The forecasts of all models over one or several orders, beside what happened."""

    def __init__(self, study: Study, answers: Answers, seeds: Sequence[int]) -> None:
        self.y: list[NDArray[np.float64]] = []
        self.p: dict[Own, list[NDArray[np.float64]]] = {own: [] for own in MODELS}
        self.earlier: list[NDArray[np.int64]] = []
        self.people: list[NDArray[np.int64]] = []
        for seed in seeds:
            rows = [study.rows[place] for place in order(study, seed)]
            self.y.append(np.array([row.y for row in rows], float))
            self.people.append(np.array([int(row.person) for row in rows]))
            self.earlier.append(np.array(earlier_answers(rows)))
            for own in MODELS:
                self.p[own].append(np.asarray(answers[Task(own, seed)].forecasts, float))

    def losses(self) -> Losses:
        """Every forecast's, one pass after the other."""
        return {
            own: np.concatenate(
                [scores.log_losses(p, y) for p, y in zip(self.p[own], self.y, strict=True)]
            )
            for own in MODELS
        }


def order(study: Study, seed: int) -> Sequence[int]:
    """In time where there is one, else shuffled."""
    count = len(study.rows)
    return range(count) if study.roles.time else shuffled(count, seed)


def report(
    study: Study, answers: Answers, *, seeds: Sequence[int], prices: Sequence[float]
) -> dict[str, Any]:
    """All figures; log losses in nats, nets in answers."""
    passes = _Passes(study, answers, seeds[:1] if study.roles.time else seeds)
    losses = passes.losses()
    return {
        "rows": len(study.rows),
        "people": len({row.person for row in study.rows}),
        "offers": len({row.offer for row in study.rows}),
        "accepted": sum(row.y for row in study.rows) / len(study.rows),
        "order": "time" if study.roles.time else "shuffled",
        "seeds": list(seeds),
        "columns": as_told(study.roles),
        "models": {own.value: _model(passes, own) for own in MODELS},
        "cost": {own.value: _cost(study, answers, own) for own in MODELS},
        "gain": _gains(losses, np.concatenate(passes.people)),
        "by_earlier_answers": _by_earlier(losses, np.concatenate(passes.earlier)),
        "push_or_silence": {
            f"{price:.2f}": _nets(study, answers, seeds, price) for price in prices
        },
    }


def _model(passes: _Passes, own: Own) -> dict[str, Any]:
    pairs = list(zip(passes.p[own], passes.y, strict=True))
    last = [(p[_last_quarter(p) :], y[_last_quarter(y) :]) for p, y in pairs]
    p, y = np.concatenate(passes.p[own]), np.concatenate(passes.y)
    return {
        "auc": _mean(scores.auc(*pair) for pair in pairs),
        "log_loss": _mean(scores.log_loss(*pair) for pair in pairs),
        "ece": _mean(scores.ece(*pair) for pair in pairs),
        "last_quarter": {
            "auc": _mean(scores.auc(*pair) for pair in last),
            "log_loss": _mean(scores.log_loss(*pair) for pair in last),
        },
        "calibration": [
            {"forecast": forecast, "happened": happened, "rows": count}
            for forecast, happened, count in scores.reliability(p, y)
        ],
    }


def _cost(study: Study, answers: Answers, own: Own) -> dict[str, float]:
    """Active terms of a row, and processor time to read, foretell and learn one."""
    spent = [each.cpu_s for task, each in answers.items() if task.own is own and not each.net]
    terms = len(Phrasing(study.layout, own).phrase(study.rows[-1]).terms)
    return {"terms": terms, "microseconds": round(1e6 * _mean(spent) / len(study.rows), 1)}


def _last_quarter(values: NDArray[np.float64]) -> int:
    return len(values) * 3 // 4


def _gains(losses: Losses, people: NDArray[np.int64]) -> dict[str, Any]:
    """Nats by which the person's own terms foretell better, with an interval over people."""
    return {
        f"person_over_{other.value}": _interval(losses[other] - losses[Own.PERSON], people)
        for other in (Own.SEGMENT, Own.NOBODY)
    }


def _interval(values: NDArray[np.float64], people: NDArray[np.int64]) -> dict[str, float]:
    found = scores.bootstrap(values, people, seed=0)
    return {"value": found.value, "low": found.low, "high": found.high}


def _by_earlier(losses: Losses, earlier: NDArray[np.int64]) -> dict[str, Any]:
    buckets = {}
    for first, after in pairwise((*EARLIER, math.inf)):
        inside = (earlier >= first) & (earlier < after)
        if inside.any():
            shares = {own.value: float(losses[own][inside].mean()) for own in MODELS}
            buckets[_bucket(first, after)] = {"rows": int(inside.sum()), **shares}
    return buckets


def _bucket(first: float, after: float) -> str:
    if math.isinf(after):
        return f"{first:g}+"
    return f"{first:g}" if after == first + 1 else f"{first:g}-{after - 1:g}"


def _nets(study: Study, answers: Answers, seeds: Sequence[int], price: float) -> dict[str, Any]:
    yes, count = sum(row.y for row in study.rows), len(study.rows)
    nets: dict[str, Any] = {"always": yes - price * count}
    for own in MODELS:
        runs = [net for seed in seeds if (net := answers[Task(own, seed, price)].net)]
        nets[own.value] = {
            "mean": _mean(run.net for run in runs),
            "seeds": [run.net for run in runs],
            "pushes": _mean(run.pushes for run in runs),
        }
    return {**nets, "hindsight": yes * (1 - price)}


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))


def show(figures: Mapping[str, Any]) -> None:
    """The comparison that matters first, then calibration, learning, and what a push would have earned."""
    shuffles = len(figures["seeds"])
    kind = "one shuffle" if shuffles == 1 else f"mean of {shuffles} shuffles"
    kind = "in time order" if figures["order"] == "time" else kind
    click.echo(
        f"{figures['rows']:,} offers to {figures['people']:,} people, {figures['accepted']:.1%} accepted; "
        f"one pass, {kind}, {figures['seconds']:.0f} s\n\nOne person's own terms against segments:\n"
    )
    _show_models(figures["models"])
    _show_gain(figures["gain"]["person_over_segments"])
    _show_calibration(figures["models"]["person"]["calibration"])
    _show_learning(figures["by_earlier_answers"])
    _show_nets(figures["push_or_silence"])
    own = figures["cost"]["person"]
    click.echo(
        f"\nOne row costs {own['microseconds']:.0f} µs with its {own['terms']} own and shared terms."
    )


def _show_models(models: Mapping[str, Any]) -> None:
    names = {
        "person": "own terms",
        "segments": "segments",
        "population": "everybody alike",
    }
    rows = [
        (
            names[own],
            f"{each['auc']:.3f}",
            f"{each['log_loss']:.3f}",
            f"{each['ece']:.3f}",
            f"{each['last_quarter']['auc']:.3f}",
            f"{each['last_quarter']['log_loss']:.3f}",
        )
        for own, each in ((own, models[own]) for own in names)
    ]
    head = ["model", "AUC", "log loss", "ECE", "last quarter: AUC", "log loss"]
    show_table(head, rows)


def _show_gain(gain: Mapping[str, float]) -> None:
    sure = gain["low"] > 0 or gain["high"] < 0
    verdict = "" if sure else " No difference is proved on these rows."
    click.echo(
        f"\nOwn terms over segments: {gain['value']:+.3f} nats an answer "
        f"(95 % between {gain['low']:+.3f} and {gain['high']:+.3f}).{verdict}\n"
    )


def _show_calibration(bins: Sequence[Mapping[str, float]]) -> None:
    rows = [(f"{b['forecast']:.2f}", f"{b['happened']:.2f}", f"{b['rows']:,.0f}") for b in bins]
    show_table(["own terms foretold", "happened", "offers"], rows)


def _show_learning(buckets: Mapping[str, Mapping[str, float]]) -> None:
    click.echo("\nLog loss by how many answers the person had given before:\n")
    rows = [
        (name, *(f"{each[own]:.3f}" for own in ("person", "segments", "population")))
        for name, each in buckets.items()
    ]
    show_table(["earlier answers", "own terms", "segments", "everybody alike"], rows)


def _show_nets(prices: Mapping[str, Mapping[str, Any]]) -> None:
    if not prices:
        return
    click.echo(
        "\nPush or silence: answers earned less the price of each push, learning from pushed ones only:\n"
    )
    rows = [
        (
            price,
            f"{each['always']:,.0f}",
            *(f"{each[own]['mean']:,.0f}" for own in ("population", "segments", "person")),
            f"{min(each['person']['seeds']):,.0f}",
            f"{each['hindsight']:,.0f}",
        )
        for price, each in prices.items()
    ]
    head = [
        "price",
        "always",
        "everybody alike",
        "segments",
        "own terms",
        "worst seed",
        "hindsight",
    ]
    show_table(head, rows)
