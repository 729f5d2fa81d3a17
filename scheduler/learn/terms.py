"""The named terms of a moment and an offer, whose effects on the log-odds of a visit are learned. Pure.

Terms of everybody carry no person. A person's own terms (their groups begin with `person`) are active only with consent to
`habits`, and carry no id either: whose they are is added where they are stored. Each term can be told in words.

The odds of a visit that comes without a push have terms of their own (`anyway…`), learned from silences that were drawn. So
have those of a withdrawal from pushes (`leave…`), learned from withdrawals, and of a push that is wiped away or refused (`annoys`,
`person_annoys`): whom pushes annoy more often than others is likelier to leave.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import lru_cache

from domain.context import Candidate, Context
from domain.model import Learned, TermName
from domain.offers import Offer
from domain.people import Purpose

PERSON = "person"
ANNOYS, _OWN_ANNOYANCE = TermName("annoys", ""), TermName("person_annoys", "")
_NEAR = ((100.0, "100 m"), (300.0, "300 m"), (1000.0, "1 km"), (3000.0, "3 km"))
_FAR = "more than 3 km"
_CHANCES = ((0.02, "2 %"), (0.1, "10 %"), (0.3, "30 %"))
_HIGH = "more than 30 %"
_STREAKS = ((0, "none"), (2, "2"), (5, "5"))
_LONG = "more than 5"
_LONG_STREAKS = (*_STREAKS, (15, "15"))
_VERY_LONG = "more than 15"
_MANY = 3  # pushes of a week, from which on more make no difference
_WEARY = 6  # the same for whether somebody leaves
_REFUSING = 0.2  # of the last refusal, fading, from which on it counts
_WEEKEND_FROM = 5

# The variance τ² from which each group's learning starts. What people differ in is an effect of a push here, not their
# level, and no data known to us shows how widely that differs: it starts small, and the answers widen it.
_FIRST = {
    "brand": 0.3,
    "offer": 0.25,
    "came": 0.3,
    "taste": 0.2,
    "cause": 0.1,
    "weather_offer": 0.1,
    "anyway": 0.05,
    "leave": 0.5,
    "leave_refused": 0.25,
    "annoys": 0.5,
    "person_annoys": 0.4,
    "person": 0.2,
    "person_offer": 0.2,
}
_OTHERWISE = 0.05
# Groups of a few terms each: how widely these differ says little, so their variance stays as it is written.
_KEPT = frozenset(
    ("anyway_cause", "anyway_slot", "fatigue", "ignored", "rhythm", "distance", "regular")
)
_KEPT_VARIANCE = 0.02


def first_variance(group: str) -> float:
    """The prior variance of a group's terms before any answer."""
    return _KEPT_VARIANCE if group in _KEPT else _FIRST.get(group, _OTHERWISE)


def first_certainty(group: str) -> float:
    """The precision of ln τ² before any answer."""
    return 1e6 if group in _KEPT else 1.0


def is_own(term: TermName) -> bool:
    """Whether it is about one person alone."""
    return term.group.startswith(PERSON)


def is_of_leaving(term: TermName) -> bool:
    """Whether it is about a withdrawal from pushes, not about a visit."""
    return term.group.startswith("leave")


def is_of_annoyance(term: TermName) -> bool:
    """Whether it is about a push that is wiped away or refused."""
    return term.group in (ANNOYS.group, _OWN_ANNOYANCE.group)


class Terms:
    """The terms of one moment: those that every offer shares, and for each offer its own."""

    def __init__(self, context: Context) -> None:
        cause, week, likely = context.cause.value, week_of(context), context.likely
        mine = Purpose.HABITS in context.permits
        weary = context.weary if mine else None
        slot = slot_of(context)
        ignored = _band(weary.ignored, _STREAKS, _LONG) if weary else None
        rhythm = _band(likely.p_visit, _CHANCES, _HIGH) if likely.p_visit else None
        self._moment = cause, slot, mine
        self.shared = _common(
            cause, slot, mine, min(_MANY, week), rhythm, mine and likely.came, ignored
        )
        self.anyway = _anyway(cause, slot)
        self.annoyed = (_OWN_ANNOYANCE,) if mine else ()
        streak = _band(weary.ignored, _LONG_STREAKS, _VERY_LONG) if weary else None
        self.leaving = _leaving(min(_WEARY, week), streak, weary and weary.refused >= _REFUSING)

    def of(self, offer: Offer, candidate: Candidate) -> tuple[TermName, ...]:
        """What is active where this offer is said, in addition to what is shared."""
        sky, far = candidate.sky, distance_of(candidate)
        return _own(
            *self._moment,
            offer.external_id,
            offer.body.kind.value,
            sky.word.value if sky else None,
            None if far is None else _band(far, _NEAR, _FAR),
            candidate.regular,
            candidate.taste,
        )


def _remembered(made: Callable[..., Iterator[TermName]]) -> Callable[..., tuple[TermName, ...]]:
    """The terms made of these words. Being made of nothing else, they never become stale; few words make most of them."""
    return lru_cache(maxsize=4096)(lambda *words: tuple(made(*words)))


@_remembered
def _common(
    cause: str,
    slot: str | None,
    mine: bool,
    week: int,
    rhythm: str | None,
    came: bool,
    ignored: str | None,
) -> Iterator[TermName]:
    yield TermName("brand", "")
    yield TermName("cause", cause)
    if slot:
        yield TermName("slot", slot)
    yield TermName("fatigue", str(week))
    if rhythm:
        yield TermName("rhythm", rhythm)
    if not mine:
        return
    if came:
        yield TermName("came", "today")
    if ignored:
        yield TermName("ignored", ignored)
    yield TermName(PERSON, "")
    if slot:
        yield TermName("person_slot", slot)


@_remembered
def _anyway(cause: str, slot: str | None) -> Iterator[TermName]:
    yield TermName("anyway", "")
    yield TermName("anyway_cause", cause)
    if slot:
        yield TermName("anyway_slot", slot)


@_remembered
def _leaving(week: int, ignored: str | None, refusing: bool | None) -> Iterator[TermName]:
    yield TermName("leave", "")
    yield TermName("leave_fatigue", str(week))
    if ignored:
        yield TermName("leave_ignored", ignored)
        yield TermName("leave_refused", "lately" if refusing else "not lately")


@_remembered
def _own(
    cause: str,
    slot: str | None,
    mine: bool,
    name: str,
    kind: str,
    weather: str | None,
    distance: str | None,
    regular: str | None,
    taste: str | None,
) -> Iterator[TermName]:
    yield TermName("offer", name)
    yield TermName("kind", kind)
    yield TermName("cause_kind", f"{cause}, {kind}")
    if slot:
        yield TermName("slot_offer", f"{slot}, {name}")
    if weather:
        yield TermName("weather", weather)
        yield TermName("weather_offer", f"{weather}, {name}")
    if distance:
        yield TermName("distance", distance)
    if regular:
        yield TermName("regular", regular)
    if taste:
        yield TermName("taste", taste)
    if mine:
        yield TermName("person_kind", kind)
        yield TermName("person_offer", name)


class Reader:
    """Reads effects out of what is believed, and notes which it read, so that a decision can keep just those."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned
        self._priors = {**_PRIORS, **learned.spreads} if learned.spreads else _PRIORS
        self._asked: dict[TermName, tuple[float, float]] = {}

    def sum(self, terms: Sequence[TermName]) -> tuple[float, float]:
        """The mean and the variance of what these terms add to the log-odds."""
        asked, known = self._asked, self._learned.terms
        mean = variance = 0.0
        for term in terms:
            found = asked.get(term)
            if found is None:
                group, value = term
                found = known[group].get(value) if group in known else None
                if found is None:
                    found = (0.0, self._priors[group])
                asked[term] = found
            mean += found[0]
            variance += found[1]
        return mean, variance

    def effects(self, terms: Sequence[TermName]) -> list[tuple[TermName, float]]:
        """The terms, of those that were read, of which something was learned, with their means."""
        if not self._learned.terms:
            return []
        found = ((term, self._asked[term][0]) for term in terms)
        return [each for each in found if each[1]]

    def rested_on(self) -> Learned:
        """What was read, without what was not."""
        known, spreads, usual = self._learned.terms, self._learned.spreads, self._learned.usual
        terms: dict[str, dict[str, tuple[float, float]]] = {}
        priors: dict[str, float] = {}
        for group, value in self._asked if known or spreads else ():
            if group in known and value in known[group]:
                terms.setdefault(group, {})[value] = known[group][value]
            elif group in spreads:
                priors[group] = spreads[group]
        return Learned(terms=terms, spreads=priors, usual=usual)


GROUPS = frozenset(
    (
        "brand",
        "cause",
        "slot",
        "fatigue",
        "rhythm",
        "came",
        "ignored",
        "offer",
        "kind",
        "cause_kind",
        "slot_offer",
        "weather",
        "weather_offer",
        "distance",
        "regular",
        "taste",
        "person",
        "person_slot",
        "person_kind",
        "person_offer",
        "leave",
        "leave_fatigue",
        "leave_ignored",
        "leave_refused",
        "annoys",
        "person_annoys",
        "anyway",
        "anyway_cause",
        "anyway_slot",
    )
)
_PRIORS = {group: first_variance(group) for group in GROUPS}


# What is believed of leaving before any answer: ln of how many times as likely it is.
_LEAVING = {
    "leave_ignored": {"15": 0.3, _VERY_LONG: 2.5},
    "leave_refused": {"lately": 0.4},
}


def leaving(term: TermName) -> float:
    """What is written down of how much likelier people leave where this term is active, as a logarithm."""
    if term.group == "leave_fatigue":
        return math.log1p(0.2 * int(term.value))
    return _LEAVING.get(term.group, {}).get(term.value, 0.0)


def slot_of(context: Context) -> str | None:
    """The kind of day and the three hours, as in `weekday 12-15`; None where the person's clock is not known."""
    if context.local_date is None or context.daypart is None:
        return None
    return _slot(context.local_date, context.daypart)


@lru_cache(maxsize=64)
def _slot(day: str, daypart: int) -> str:
    weekend = date.fromisoformat(day).weekday() >= _WEEKEND_FROM
    begin = 3 * daypart
    return f"{'weekend' if weekend else 'weekday'} {begin:02}-{begin + 3:02}"


def week_of(context: Context) -> int:
    """Pushes within the last seven days."""
    now = context.decided_at
    return sum((now - at).total_seconds() < 7 * 86_400 for at in context.sent_at)


def distance_of(candidate: Candidate) -> float | None:
    """Metres from the person, or from the place of theirs that the offer is for; None where neither is known."""
    return candidate.place.distance_m if candidate.place else candidate.distance_m


def _band(value: float, bands: tuple[tuple[float, str], ...], above: str) -> str:
    for most, word in bands:
        if value <= most:
            return word
    return above
