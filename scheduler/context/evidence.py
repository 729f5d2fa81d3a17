"""How surely something is a habit and no chance: Bayes factors in nats. Pure."""

from datetime import UTC, datetime
from math import lgamma, log

SURE = 3.0  # nats: twenty to one. Nothing weaker is called a habit
_BELIEF = 2.0  # strength of the belief, before any choice, that a person is like everybody
_RARE = 1e-4  # a share that nobody could have measured is taken for this one


def against_share(times: float, of: float, share: float) -> float:
    """Nats by which `times` out of `of` (both may be decayed) speak for a share of the person's own.

    The Bayes factor of a Beta(2q, 2(1 − q)) belief about the own share against everybody's share q; negative where the
    choices are just everybody's. A share of 0 or 1 counts as barely more or less.
    """
    q = min(max(share, _RARE), 1 - _RARE)
    times, rest = min(times, of), max(0.0, of - times)
    a, b = _BELIEF * q, _BELIEF * (1 - q)
    own = _log_beta(times + a, rest + b) - _log_beta(a, b)
    return own - times * log(q) - rest * log(1 - q)


def day_of(at: datetime) -> int:
    """Days since 1970 in UTC, by which small evidence is dated."""
    return int(at.astimezone(UTC).timestamp() // 86_400)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
