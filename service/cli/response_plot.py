"""A picture of a trial: calibration, learning by earlier answers, and what pushes would have earned."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

_NAMES = {"person": "own terms", "segments": "segments", "population": "everybody alike"}
_COLORS = {"person": "#0b6e4f", "segments": "#d98324", "population": "#8a8d91"}


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Writes the picture as PNG."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    except ImportError as error:
        raise click.ClickException(
            "--plot wants matplotlib, which the extra `backtest` brings (pip install 'whenabouts[backtest]')."
        ) from error
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    calibration, learning, net = figure.subplots(1, 3)
    _calibration(calibration, figures["models"])
    _learning(learning, figures["by_earlier_answers"])
    _net(net, figures["push_or_silence"])
    figure.savefig(path, format="png", dpi=120)


def _calibration(axes: Any, models: Mapping[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color="#c8c8c8", linewidth=1)
    for own, name in _NAMES.items():
        bins = models[own]["calibration"]
        forecast, happened = [b["forecast"] for b in bins], [b["happened"] for b in bins]
        axes.plot(forecast, happened, "o-", markersize=3, color=_COLORS[own], label=name)
    axes.set(title="calibration", xlabel="foretold", ylabel="happened")
    axes.legend(frameon=False)


def _learning(axes: Any, buckets: Mapping[str, Any]) -> None:
    for own, name in _NAMES.items():
        losses = [each[own] for each in buckets.values()]
        axes.plot(list(buckets), losses, "o-", markersize=3, color=_COLORS[own], label=name)
    axes.set(title="learning", xlabel="earlier answers of the person", ylabel="log loss (nats)")


def _net(axes: Any, prices: Mapping[str, Any]) -> None:
    for own, name in _NAMES.items():
        nets = [each[own]["mean"] for each in prices.values()]
        axes.plot(list(prices), nets, "o-", markersize=3, color=_COLORS[own], label=name)
    axes.plot(list(prices), [each["always"] for each in prices.values()], ":", color="#c8c8c8")
    axes.axhline(0, color="#c8c8c8", linewidth=1)
    axes.set(title="push or silence (dotted: always)", xlabel="price of a push", ylabel="net")
