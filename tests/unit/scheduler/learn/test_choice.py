"""Push or silence: what the rule promises of its draws."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model import TermName
from scheduler.learn.choice import FLOOR, push_or_silence, sampled
from scheduler.learn.response import Prediction, Response, moderation, sigmoid

BASE, ANN = TermName("base", ""), TermName("person", "ann")

_SAID = st.builds(
    lambda mu, own, other: Prediction(
        sigmoid(mu / moderation(own + other)), mu, own + other, [BASE, ANN], [mu, 0], [other, own]
    ),
    st.floats(-8, 8),
    st.floats(0, 4),
    st.floats(0, 4),
)


@given(_SAID, st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_neither_push_nor_silence_is_ever_certain(
    said: Prediction, price: float, uniform: float
) -> None:
    draw = push_or_silence(said, price=price, uniform=uniform)
    assert FLOOR / 2 <= draw.propensity <= 1 - FLOOR / 2 + 1e-12
    assert draw.push == (uniform < draw.propensity)


@given(_SAID, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_higher_price_never_makes_a_push_likelier(said: Prediction, a: float, b: float) -> None:
    low, high = sorted((a, b))
    cheap = push_or_silence(said, price=low, uniform=0.5).propensity
    dear = push_or_silence(said, price=high, uniform=0.5).propensity
    assert dear <= cheap


def test_the_propensity_is_the_share_of_samples_that_beat_the_price() -> None:
    lot = random.Random(4)
    said = Prediction(0.4, -0.6, 2.0, [BASE, ANN], [-0.6, 0.0], [1.5, 0.5])
    beats = sum(sampled(said, lot.gauss(0, 1)) > 0.45 for _ in range(20_000)) / 20_000
    expected = FLOOR / 2 + (1 - FLOOR) * beats
    assert push_or_silence(said, price=0.45, uniform=0.0).propensity == pytest.approx(
        expected, abs=0.01
    )


def test_a_stranger_gets_the_benefit_of_the_doubt() -> None:
    stranger = Prediction(0.4, -0.5, 1.0, [BASE, ANN], [-0.5, 0.0], [0.2, 0.8])
    known = stranger._replace(s2=0.2, variances=[0.2, 0.0])
    asked = push_or_silence(stranger, price=0.4, uniform=0.5).propensity
    assert asked > push_or_silence(known, price=0.4, uniform=0.5).propensity


def test_the_rule_neither_falls_silent_for_ever_nor_pushes_for_ever() -> None:
    """It begins against its interest (most say yes at a price it doubts; most say no at one it likes) and finds out."""
    for price, truth in ((0.7, 0.9), (0.3, 0.05)):
        lot, model, pushes = random.Random(1), Response(), []
        for _ in range(1500):
            draw = push_or_silence(model.predict([BASE]), price=price, uniform=lot.random())
            pushes.append(draw.push)
            if draw.push:
                model.update([BASE], int(lot.random() < truth))
        share = sum(pushes[-500:]) / 500
        assert share > 0.9 if truth > price else 0.0 < share < 0.1
