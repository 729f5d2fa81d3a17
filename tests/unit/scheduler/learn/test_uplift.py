"""The proof of effect at its nominal rates, on worlds whose truth is known. Every experiment is a column of an array."""

import numpy as np
import pytest

from scheduler.learn.uplift import (
    NOBODY,
    Estimate,
    Floats,
    Gone,
    Stratum,
    Sums,
    estimate,
    fixed,
    people_needed,
    sequence,
)

RUNS, PEOPLE, WEEKS = 400, 1500, 12
HELD = 0.2


def sums(y: Floats, x: Floats) -> Sums:
    """Over the people of each run; rows are runs."""
    return Sums(
        people=np.full(y.shape[0], float(y.shape[1])),
        y=y.sum(1),
        yy=(y * y).sum(1),
        x=x.sum(1),
        xx=(x * x).sum(1),
        xy=(x * y).sum(1),
    )


def arms(y: Floats, x: Floats) -> Stratum:
    """The first people are held out: they come in no order."""
    held = int(HELD * y.shape[1])
    return Stratum(treated=sums(y[:, held:], x[:, held:]), held=sums(y[:, :held], x[:, :held]))


def looks(seed: int, *, lift: float = 0.0, weeks: int = WEEKS) -> list[Estimate]:
    """An estimate after each week: people of different rates, known for eight weeks before."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.9, 0.7, (RUNS, PEOPLE)).astype(np.float32)
    x = random.poisson(8 * rate).astype(float)
    rate[:, int(HELD * PEOPLE) :] *= 1 + lift
    y = np.zeros((RUNS, PEOPLE))
    found = []
    for _ in range(weeks):
        y += random.poisson(rate)
        found.append(estimate([arms(y, x)]))
    return found


@pytest.fixture(scope="module")
def without_effect() -> list[Estimate]:
    return looks(1)


def wrong(interval: tuple[Floats, Floats], truth: float = 0.0) -> Floats:
    low, high = interval
    return (low > truth) | (high < truth)


def test_a_single_look_errs_at_its_nominal_rate(without_effect: list[Estimate]) -> None:
    assert 0.03 <= wrong(fixed(without_effect[-1])).mean() <= 0.07


def test_looking_every_week_the_sequence_errs_less_than_its_level(
    without_effect: list[Estimate],
) -> None:
    ever = np.any([wrong(sequence(each)) for each in without_effect], axis=0)
    assert ever.mean() <= 0.05


def test_looking_every_week_at_fixed_intervals_errs_far_more_often(
    without_effect: list[Estimate],
) -> None:
    """Were it otherwise the sequence would be superfluous, and the test above could not fail."""
    assert np.any([wrong(fixed(each)) for each in without_effect], axis=0).mean() > 0.08


def test_a_known_effect_is_covered_at_the_nominal_rate() -> None:
    [*_, last] = looks(2, lift=0.1, weeks=4)
    truth = 0.1 * 4 * 0.9 * 0.7
    assert 0.93 <= 1 - wrong(fixed(last), truth).mean() <= 0.97
    assert wrong(sequence(last), truth).mean() <= 0.03
    assert abs(last.effect.mean() - truth) < 0.05 * truth
    assert (fixed(last)[0] > 0).mean() > 0.2


def test_the_past_takes_most_of_the_noise_away() -> None:
    random = np.random.default_rng(3)
    rate = random.gamma(0.9, 0.7, (20, PEOPLE))
    stratum = arms(random.poisson(8 * rate).astype(float), random.poisson(8 * rate).astype(float))
    plain, adjusted = estimate([stratum], adjusted=False), estimate([stratum])
    assert np.all(adjusted.reduction > 0.6)
    assert np.all(plain.reduction == 0)
    assert np.allclose(adjusted.variance / plain.variance, 1 - adjusted.reduction, atol=0.05)


def test_strata_of_other_shares_do_not_mix() -> None:
    """Newcomers come more often and more of them are held out: pooled, the treated would seem to do harm."""
    random = np.random.default_rng(4)

    def stratum(mean: float, treated: int, held: int) -> Stratum:
        def some(people: int) -> Sums:
            y = random.poisson(mean, (RUNS, people)).astype(float)
            return sums(y, np.zeros_like(y))

        return Stratum(treated=some(treated), held=some(held))

    strata = [stratum(1.0, 900, 100), stratum(3.0, 500, 500)]
    assert abs(estimate(strata).effect.mean()) < 0.01
    assert 0.02 <= wrong(fixed(estimate(strata))).mean() <= 0.08


def test_who_is_gone_still_counts_in_the_means() -> None:
    y = np.array([[1.0, 2.0, 3.0] * 40])
    x = np.zeros_like(y)
    whole = Stratum(treated=sums(y, x), held=sums(y, x))
    fewer = sums(y[:, 3:], x[:, 3:])
    left = Stratum(
        treated=fewer,
        held=sums(y, x),
        treated_gone=Gone(np.array([3.0]), np.array([6.0]), np.zeros(1)),
    )
    a, b = estimate([whole]), estimate([left])
    assert (a.treated_people, a.treated_mean, a.effect) == (
        b.treated_people,
        b.treated_mean,
        b.effect,
    )


def test_the_people_needed_shrink_to_what_the_reference_says() -> None:
    """A tenth held out, a coefficient of variation of 1.1, and seven tenths of the variance explained: 3,150 people."""
    n = 1000.0
    one, mean, var = np.ones(1), 2.0, (1.1 * 2.0) ** 2

    def group(people: float) -> Sums:
        y, yy = people * mean, people * (var + mean**2)
        x, xx = 0.0, people
        xy = people * np.sqrt(0.7 * var)
        return Sums(*(value * one for value in (people, y, yy, x, xx, xy)))

    found = estimate([Stratum(treated=group(0.9 * n), held=group(0.1 * n))])
    assert found.reduction == pytest.approx(0.7, abs=0.01)
    assert people_needed(found)[0] == pytest.approx(3150, rel=0.03)


def test_few_people_give_no_interval() -> None:
    few = np.ones((1, 10))
    found = estimate([Stratum(treated=sums(few, few), held=sums(few, few))])
    assert np.isinf(found.variance)
    assert fixed(found)[0] == -np.inf
    assert np.isinf(people_needed(found))
    assert sequence(found)[1] == np.inf
    assert np.isinf(estimate([]).variance)
    assert NOBODY.people == 0
