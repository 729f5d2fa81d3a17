"""What a push, and each answer to one, changes in a person's weariness of pushes. Pure, O(1)."""

import math
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from domain.context import Weary
from domain.fatigue import Fatigue, Refused
from domain.offers import OfferKind

TAU_HOURS = 7 * 24.0
_WHOLE = 1000
_MOST_IGNORED = 100
_MOST_OFFERS, _MOST_KINDS = 3, 3
_INTEREST = ("opened", "redeemed")  # answers that end a streak of ignored pushes
_REFUSAL = "not_for_me"
_REFUSED = {_REFUSAL: 1.0, "dismissed": 0.5}
_PEACE_HOURS = 30 * 24.0


def with_push(known: Fatigue, *, at: datetime) -> Fatigue:
    """After one more push that reached a phone."""
    hour = _hour(at)
    as_of = max(hour, known.as_of)
    more = pushes(known, at=at) * _WHOLE + _WHOLE * math.exp(-(as_of - hour) / TAU_HOURS)
    return msgspec.structs.replace(
        known,
        as_of=as_of,
        pushes=round(more),
        last_push=max(hour, known.last_push),
        ignored=min(_MOST_IGNORED, known.ignored + 1),
    )


def with_pushes(known: Fatigue, accepted: Iterable[datetime], *, until: datetime) -> Fatigue:
    """After all pushes that were accepted up to `until`, each counted once however often it is told."""
    limit = int(until.timestamp())
    for at in sorted(accepted):
        if known.counted < int(at.timestamp()) <= limit:
            known = with_push(known, at=at)
    return msgspec.structs.replace(known, counted=max(limit, known.counted))


def with_answer(
    known: Fatigue,
    answer: str,
    *,
    at: datetime,
    offer_id: str | None = None,
    kind: OfferKind | None = None,
) -> Fatigue:
    """After an answer to a push. That it was delivered says nothing of the person."""
    if answer == "delivered":
        return known
    newer = _hour(at) >= known.answered_at
    refused = answer == _REFUSAL
    return msgspec.structs.replace(
        known,
        ignored=0 if answer in _INTEREST else known.ignored,
        answer=answer if newer else known.answer,
        answered_at=max(_hour(at), known.answered_at),
        offers=_more(known.offers, digits(offer_id), _MOST_OFFERS)
        if refused and offer_id
        else known.offers,
        kinds=_more(known.kinds, kind.value, _MOST_KINDS) if refused and kind else known.kinds,
    )


def pushes(known: Fatigue, *, at: datetime) -> float:
    """Pushes of late, each fading with τ = 7 days."""
    return known.pushes / _WHOLE * math.exp(-max(0, _hour(at) - known.as_of) / TAU_HOURS)


def weariness(known: Fatigue, sends: Iterable[datetime], *, at: datetime) -> Weary:
    """How the person takes pushes as of `at`, with those `sends` that were not counted yet. A streak of ignored pushes fades by
    half within 30 days of peace, and so does a refusal.
    """
    told = known
    for sent in sorted(sends):
        if sent.timestamp() > known.counted:
            told = with_push(told, at=sent)
    refused = _REFUSED.get(known.answer, 0.0) * _half(_hour(at) - known.answered_at)
    return Weary(
        pushes=round(pushes(told, at=at), 2),
        ignored=round(told.ignored * _half(_hour(at) - told.last_push), 2),
        refused=round(refused, 2),
    )


def _half(hours: float) -> float:
    """What time leaves of an annoyance."""
    return float(2.0 ** -(max(0.0, hours) / _PEACE_HOURS))


def digits(offer_id: str) -> str:
    """The eight digits that stand for an offer."""
    return f"{zlib.crc32(offer_id.encode()):08x}"


def _more(table: Sequence[Refused], what: str, most: int) -> tuple[Refused, ...]:
    """The newest refusal first; the one refused longest ago leaves."""
    times = sum(each.times for each in table if each.what == what)
    others = [each for each in table if each.what != what]
    return tuple([Refused(what=what, times=times + 1), *others][:most])


def _hour(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() // 3600)
