"""What the backtests of visits showed, as figures. Log-likelihoods and losses in nats."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheduler.learn import bgnbd, scores
from scheduler.learn.histories import Numbers
from scheduler.learn.moment import MODELS as MOMENT_MODELS
from scheduler.learn.moment import Hours
from scheduler.learn.next_visit import Asked
from scheduler.learn.rhythms import SLOTS, Foretold, Slots
from scheduler.learn.where import Where

_EVENTS = (0, 10, 20, 40, 80, 160, 1 << 60)
_VISITS = (1, 2, 4, 10, 30, 1 << 60)
_DAY_S = 86_400.0


def rhythm(
    visits: Slots, plain: Mapping[str, Foretold], frozen: Foretold, online: Foretold
) -> dict[str, Any]:
    """Log-likelihood per visit and hits of a three-hour window on the visit's weekday, frozen and online."""
    models = {"uniform": _uniform(frozen), **plain, "whenabouts": frozen}
    return {
        "visits": len(visits.who),
        "people": visits.people,
        "test_visits": len(frozen.who),
        "models": {name: _figures(each) for name, each in models.items()},
        "online": {"whenabouts": _figures(online)},
        "gain": {
            f"over_{name}": _interval(frozen.log_p - each.log_p, frozen.who)
            for name, each in models.items()
            if name != "whenabouts"
        },
        "calibration": _calibration(frozen.p_window, frozen.hit),
        "by_events": [
            {"from": low, "visits": int(inside.sum())}
            | {name: float(each.log_p[inside].mean()) for name, each in models.items()}
            for low, inside in _buckets(frozen.seen, _EVENTS)
        ],
    }


def _uniform(like: Foretold) -> Foretold:
    share = np.full(len(like.who), 3 / 24)  # any window of three hours is as good as any other
    return like._replace(log_p=np.full(len(like.who), -np.log(SLOTS)), hit=share, p_window=share)


def _figures(each: Foretold) -> dict[str, float]:
    sure = np.argsort(-each.p_window, kind="stable")[: max(1, len(each.hit) // 10)]
    return {
        "log_likelihood": float(each.log_p.mean()),
        "window3": float(each.hit.mean()),
        "window3_surest_tenth": float(each.hit[sure].mean()),
        "ece": scores.ece(each.p_window, each.hit),
    }


def next_visit(asked: Asked, *, days: int) -> dict[str, Any]:
    """Log loss, AUC and calibration of the chance of a visit within so many days, against BG/NBD and the plain rate."""
    fitted = _bgnbd(asked)
    said = {
        "base": np.full(len(asked.came), asked.came.mean()),
        "rate": asked.plain,
        "bgnbd": bgnbd.p_within(fitted, *_repeats(asked), days=days),
        "whenabouts": asked.said,
    }
    losses = {name: scores.log_losses(p, asked.came) for name, p in said.items()}
    return {
        "days": days,
        "questions": len(asked.came),
        "people": len(np.unique(asked.who)),
        "base_rate": float(asked.came.mean()),
        "models": {name: _judged(p, asked.came) for name, p in said.items()},
        "bgnbd": fitted._asdict(),
        "gain": {
            f"over_{name}": _interval(losses[name] - losses["whenabouts"], asked.who)
            for name in ("rate", "bgnbd")
        },
        "calibration": _calibration(asked.said, asked.came),
        "by_visits": [
            {"from": low, "questions": int(inside.sum())}
            | {name: float(each[inside].mean()) for name, each in losses.items()}
            for low, inside in _buckets(asked.visits, _VISITS)
        ],
    }


def _repeats(asked: Asked) -> tuple[Numbers, Numbers, Numbers]:
    """x, t_x and t of BG/NBD, in days."""
    return (
        asked.visits - 1,
        (asked.last - asked.first) / _DAY_S,
        (asked.at - asked.first) / _DAY_S,
    )


def _bgnbd(asked: Asked) -> bgnbd.Fitted:
    """Fitted to everybody as they were known when the test began."""
    begin = asked.at == asked.at[0]
    x, t_x, t = (column[begin] for column in _repeats(asked))
    return bgnbd.fit(x, t_x, t)


def _judged(p: Numbers, came: Numbers) -> dict[str, float]:
    return {
        "log_loss": scores.log_loss(p, came),
        "auc": scores.auc(p, came),
        "ece": scores.ece(p, came),
    }


def moment(hours: Hours) -> dict[str, Any]:
    """Of three-hour moments: ranking, precision among the likeliest 0.5 %, and how many visits the likeliest 5 % hold."""
    return {
        "questions": len(hours.came),
        "people": len(np.unique(hours.who)),
        "base_rate": float(hours.came.mean()),
        "models": {
            name: _judged(said, hours.came) | _at_the_top(said, hours.came)
            for name, said in zip(MOMENT_MODELS, hours.said, strict=True)
        },
        "calibration": _calibration(hours.said[-1], hours.came),
    }


def _at_the_top(said: Numbers, came: Numbers) -> dict[str, float]:
    best = np.argsort(-said, kind="stable")
    few, some = (came[best[: max(1, round(len(came) * share))]] for share in (0.005, 0.05))
    visits = max(1.0, float(came.sum()))
    return {
        "precision_at_0.5%": float(few.mean()),
        "recall_at_0.5%": float(few.sum()) / visits,
        "recall_at_5%": float(some.sum()) / visits,
    }


def where(foretold: Where) -> dict[str, Any]:
    """Log-likelihood of the place of each next visit, and how often the likeliest was right: by shares alone, and by the hour."""
    return {
        "visits": len(foretold.who),
        "people": len(np.unique(foretold.who)),
        "models": {
            name: {
                "log_likelihood": float(foretold.log_p[:, column].mean()),
                "top1": float(foretold.first[:, column].mean()),
            }
            for column, name in enumerate(("share", "share_at_hour"))
        },
        "gain": {
            "over_share": _interval(foretold.log_p[:, 1] - foretold.log_p[:, 0], foretold.who)
        },
    }


def _buckets(values: NDArray[Any], bounds: tuple[int, ...]) -> list[tuple[int, NDArray[np.bool_]]]:
    found = [(low, (values >= low) & (values < high)) for low, high in pairwise(bounds)]
    return [(low, inside) for low, inside in found if inside.any()]


def _interval(values: Numbers, people: NDArray[np.int64]) -> dict[str, float]:
    found = scores.bootstrap(values, people, seed=0)
    return {"value": found.value, "low": found.low, "high": found.high}


def _calibration(p: Numbers, came: Numbers) -> list[dict[str, float]]:
    return [
        {"forecast": forecast, "happened": happened, "count": count}
        for forecast, happened, count in scores.reliability(p, came)
    ]
