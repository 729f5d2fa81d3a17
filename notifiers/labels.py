"""The names under which FCM counts messages in its own reports (analytics labels): one for each offer."""

import hashlib
import re

MOST_A_DAY = 100
"""Distinct labels that FCM takes from a project within a day."""

OTHER = "other"
"""What the offers beyond that share."""

_FITTING = re.compile(r"[a-zA-Z0-9\-_.~%]{1,50}")
_UNFIT = re.compile(r"[^a-zA-Z0-9\-_.~]")
_KEPT = 41


def label_of(offer: str) -> str:
    """The label of an offer's external id: the id itself where FCM takes it, else what fits of it and a digest."""
    if _FITTING.fullmatch(offer) and offer != OTHER:
        return offer
    digest = hashlib.sha256(offer.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_UNFIT.sub('-', offer)[:_KEPT]}.{digest}"
