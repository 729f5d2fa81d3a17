"""Segments to compare with, as marketing would draw them: k-means over what people declare of themselves."""

from bisect import bisect_right
from collections.abc import Collection, Sequence

import click

from scheduler.learn.columns import as_number

SEGMENTS = 12
_SPANS = 8  # into which a quantity is cut, each with as many people
_FEW = 10_000  # people, for whom several starts of the search take no time


def clusters(
    profiles: Sequence[tuple[str, ...]], *, numeric: Collection[int], seed: int
) -> list[str]:
    """A segment for each profile, from its one-hot values; the same for all where the profiles say nothing.

    `numeric` are the places of quantities.
    """
    if not profiles or not profiles[0]:
        return [""] * len(profiles)
    try:
        from sklearn.cluster import KMeans  # noqa: PLC0415 - an extra, needed here only
        from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415 - the same
    except ImportError as error:
        raise click.ClickException(
            "Segments are found with scikit-learn, which the extra `backtest` brings "
            "(pip install 'whenabouts[backtest]'); or name a column with --segments."
        ) from error
    columns = [
        _spans(column) if place in numeric else column
        for place, column in enumerate(zip(*profiles, strict=True))
    ]
    named = list(zip(*columns, strict=True))
    means = KMeans(
        n_clusters=min(SEGMENTS, len(set(named))),
        n_init=10 if len(named) <= _FEW else 1,
        random_state=seed,
    )
    return [str(label) for label in means.fit_predict(OneHotEncoder().fit_transform(named))]


def _spans(column: Sequence[str]) -> list[str]:
    """Names each number by the eighth it falls into; what is none stays itself."""
    numbers = [as_number(text) for text in column]
    ordered = sorted(number for number in numbers if number is not None)
    edges = [ordered[len(ordered) * part // _SPANS] for part in range(1, _SPANS)]
    return [
        text if number is None else f"{bisect_right(edges, number)}"
        for text, number in zip(column, numbers, strict=True)
    ]
