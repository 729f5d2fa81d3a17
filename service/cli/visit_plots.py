"""Pictures of the backtests of visits: how good each model is, and whether its probabilities are true."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

_OWN, _PLAIN = "#0b6e4f", "#b8babd"


def draw(kind: str, found: Mapping[str, Any], path: Path) -> None:
    """Writes the picture as PNG."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    except ImportError as error:
        raise click.ClickException(
            "--plot wants matplotlib, which the extra `backtest` brings (pip install 'whenabouts[backtest]')."
        ) from error
    panels = _PANELS[kind](found)
    figure = Figure(figsize=(4.5 * len(panels), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, values) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        _calibration(axes, values) if isinstance(values, list) else _bars(axes, values)
        axes.set_title(title)
    figure.savefig(path, format="png", dpi=120)


_Panels = list[tuple[str, Any]]


def _rhythm(found: Mapping[str, Any]) -> _Panels:
    return [
        ("log-likelihood per visit (nats)", _column(found["models"], "log_likelihood")),
        ("three-hour windows hit", _column(found["models"], "window3")),
        ("calibration of the window", found["calibration"]),
    ]


def _next_visit(found: Mapping[str, Any]) -> _Panels:
    panels: _Panels = []
    for days, each in found["horizons"].items():
        panels += [
            (f"log loss, {days} days (nats)", _column(each["models"], "log_loss")),
            (f"calibration, {days} days", each["calibration"]),
        ]
    return panels


def _moment(found: Mapping[str, Any]) -> _Panels:
    return [
        ("AUC", _column(found["models"], "auc")),
        ("precision in the top 0.5 %", _column(found["models"], "precision_at_0.5%")),
        ("calibration", found["calibration"]),
    ]


def _taste(found: Mapping[str, Any]) -> _Panels:
    buckets = {f"{each['from']}+": each["whenabouts"]["top1"] for each in found["by_visits"]}
    return [("next item foretold, by earlier orders", buckets)]


_PANELS = {"rhythm": _rhythm, "next_visit": _next_visit, "moment": _moment, "taste": _taste}


def _column(models: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    return {model: each[name] for model, each in models.items()}


def _bars(axes: Any, values: Mapping[str, float]) -> None:
    names = list(values)
    colors = [_OWN if name == "whenabouts" else _PLAIN for name in names]
    axes.barh(names, list(values.values()), color=colors)
    axes.invert_yaxis()


def _calibration(axes: Any, bins: Sequence[Mapping[str, float]]) -> None:
    axes.plot([0, 1], [0, 1], color="#c8c8c8", linewidth=1)
    forecast, happened = [each["forecast"] for each in bins], [each["happened"] for each in bins]
    axes.plot(forecast, happened, "o-", markersize=3, color=_OWN)
    axes.set(xlabel="foretold", ylabel="happened")
