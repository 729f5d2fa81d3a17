"""Segments to compare with, as marketing would draw them: k-means over what people declare of themselves."""

from collections.abc import Sequence

import click

SEGMENTS = 12


def clusters(profiles: Sequence[tuple[str, ...]], *, seed: int) -> list[str]:
    """A segment for each profile, from its one-hot values; the same for all where the profiles say nothing."""
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
    values = OneHotEncoder().fit_transform([list(profile) for profile in profiles])
    different = len(set(profiles))
    means = KMeans(n_clusters=min(SEGMENTS, different), n_init=10, random_state=seed)
    return [str(label) for label in means.fit_predict(values)]
