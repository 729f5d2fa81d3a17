"""The label of an offer is one that FCM takes, and no other offer's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.labels import OTHER, label_of


@given(offer=st.text(min_size=1, max_size=200))
def test_every_offer_has_a_label_that_fcm_takes(offer: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9\-_.~%]{1,50}", label_of(offer))
    assert label_of(offer) != OTHER


@pytest.mark.parametrize("offer", ["soup", "rainy-soup_2.0~", "x" * 50])
def test_a_name_that_fcm_takes_is_the_label(offer: str) -> None:
    assert label_of(offer) == offer


def test_names_that_differ_have_labels_that_differ() -> None:
    names = ["soup a", "soup-a", "soup ä", "x" * 51, "x" * 52, "other"]
    assert len({label_of(name) for name in names}) == len(names)
