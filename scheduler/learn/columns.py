"""Terms from the columns of any table: values, offer × value, the person's own, and the habit that fits an offer. Pure."""

import math
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from domain.model import TermName
from domain.values import Value

FEWEST_RANKED, MOST_RANKED = 16, 4096  # numbers seen before the next one is ranked among them
_ALIKE = 0.5  # of the words of an offer and of a column, by Dice's measure

_SIGNS = {"<": " less than ", ">": " more than ", "&": " and ", "+": " plus ", "%": " percent "}
_SPAN = re.compile(r"(?<=\d)\s*[-–~]\s*(?=\d)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])")
_WORD = re.compile(r"[^\W_]+")


class Own(StrEnum):
    """Whose own terms a model has beside everybody's."""

    NOBODY = "population"
    SEGMENT = "segments"
    PERSON = "person"


class Layout(Value):
    """The roles of a table's columns. `matches` says which habit column belongs to which offer, where somebody said so."""

    context: tuple[str, ...]
    habit: tuple[str, ...] = ()
    traits: tuple[
        str, ...
    ] = ()  # what else is declared of a person; used by the person's model only
    numeric: frozenset[str] = frozenset()
    matches: Mapping[str, str] = {}


class Row(NamedTuple):
    """One offer made to one person. Days count from 1970; `answered` is None where the answer came at once."""

    person: str
    segment: str
    offer: str
    context: tuple[str, ...]
    habit: tuple[str, ...]
    traits: tuple[str, ...]
    y: int
    at: float = 0.0
    answered: float | None = None


class Ranks:
    """Where a number stands among those seen *before* it: −1 lowest, 1 highest. Nothing looks ahead.

    Units and outliers do not matter, and what was learned of "high" stays true while the numbers drift. When full, every
    second is kept, and of the new ones as few.
    """

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._stride = 1
        self._met = 0

    def place_of(self, text: str) -> float | None:
        """The rank of a number, which is then seen; 0 until some have been, None for what is no number."""
        number = as_number(text)
        if number is None:
            return None
        count = len(self._seen)
        below = bisect_left(self._seen, number) + bisect_right(self._seen, number)
        rank = (below + 1) / (count + 1) - 1 if count >= FEWEST_RANKED else 0.0
        if self._met % self._stride == 0:
            insort(self._seen, number)
        self._met += 1
        if len(self._seen) >= MOST_RANKED:
            self._seen = self._seen[::2]
            self._stride *= 2
        return rank


class Phrase(NamedTuple):
    """A row in the model's words: its active terms, and by what each is multiplied (None: by 1)."""

    terms: Sequence[TermName]
    scales: Sequence[float] | None = None


class _Read(NamedTuple):
    """A column that counts for an offer: its place in a row's values, its role and what its terms are called."""

    place: int
    role: str
    name: str


class _Slot(NamedTuple):
    """One term of each row: its group, its terms met so far, and the places of the one or two values it is made of."""

    group: str
    met: dict[tuple[str, str], TermName]
    first: int
    second: int


class _Number(NamedTuple):
    """The terms of a number: slopes and bends of everybody, and the group of the owner's slope where there is one."""

    place: int
    name: str
    slopes: tuple[TermName, ...]
    bends: tuple[TermName, ...]
    owned: str | None


class _Plan(NamedTuple):
    """What is read from the rows of one offer."""

    slots: list[_Slot]
    numbers: list[_Number]


_ALWAYS, _OFFER, _FIRST_COLUMN = 0, 1, 2
_OWNERS = {Own.SEGMENT: "segment", Own.PERSON: "person"}
_SLOPE = math.sqrt(3)  # gives ranks that are spread evenly a mean square of 1
_BEND = math.sqrt(5) / 2  # does so for 3 rank² − 1


class Phrasing:
    """Turns rows into terms, in the order of the rows, for one model."""

    def __init__(self, layout: Layout, own: Own) -> None:
        self._layout = layout
        self._own = own
        self._owner = _OWNERS.get(own)
        columns = (*layout.context, *layout.habit, *layout.traits)
        self._numeric = {i for i, c in enumerate(columns, _FIRST_COLUMN) if c in layout.numeric}
        self._ranks = {place: Ranks() for place in sorted(self._numeric)}
        self._owner_at = _FIRST_COLUMN + len(columns)
        self._met: dict[str, dict[tuple[str, str], TermName]] = {}
        self._plans: dict[str, _Plan] = {}

    def phrase(self, row: Row) -> Phrase:
        """The row's active terms."""
        owner = row.person if self._own is Own.PERSON else row.segment
        values = ("", row.offer, *row.context, *row.habit, *row.traits, owner)
        plan = self._plans.get(row.offer)
        if plan is None:
            plan = self._plans[row.offer] = self._plan(row.offer)
        terms = []
        for group, met, first, second in plan.slots:
            key = (values[first], values[second])
            term = met.get(key)
            if term is None:
                text = key[0] if first == second else f"{key[0]} · {key[1]}"
                term = met[key] = TermName(group, text)
            terms.append(term)
        return self._measured(terms, values, plan.numbers) if self._ranks else Phrase(terms)

    def _measured(
        self, terms: list[TermName], values: Sequence[str], numbers: Sequence[_Number]
    ) -> Phrase:
        """Adds the terms of numbers; what is no number, a missing one too, counts as a value of its own."""
        scales = [1.0] * len(terms)
        ranks = {place: ranks.place_of(values[place]) for place, ranks in self._ranks.items()}
        for place, name, slopes, bends, owned in numbers:
            rank = ranks[place]
            if rank is None:
                terms.append(TermName(f"value:{name}", values[place]))
                scales.append(1.0)
                continue
            terms += slopes + bends
            scales += [_SLOPE * rank] * len(slopes)
            scales += [_BEND * (3 * rank * rank - 1)] * len(bends)
            if owned:
                terms.append(TermName(owned, values[self._owner_at]))
                scales.append(_SLOPE * rank)
        return Phrase(terms, scales)

    def _plan(self, offer: str) -> _Plan:
        slots = [self._slot("base", _ALWAYS), self._slot("offer", _OFFER)]
        if self._owner:
            slots.append(self._slot(self._owner, self._owner_at))
            slots.append(self._slot(f"{self._owner}_offer", self._owner_at, _OFFER))
        numbers = []
        for read in self._reads(offer):
            if read.place in self._numeric:
                numbers.append(self._number(read, offer))
            else:
                slots += self._slots(read)
        return _Plan(slots, numbers)

    def _reads(self, offer: str) -> Iterator[_Read]:
        """The columns in their order; what fits the offer, as a habit under a name that all offers share.

        Habits that fit other offers do not count then. Where none fits, all of them do, and the answers tell which one
        goes with which offer.
        """
        layout = self._layout
        traits = layout.traits if self._own is Own.PERSON else ()
        fits = layout.matches.get(offer) or matching(offer, (*layout.habit, *traits))
        roles = (
            *(("context", column) for column in layout.context),
            *(("habit", column) for column in layout.habit),
            *(("trait", column) for column in traits),
        )
        for place, (role, column) in enumerate(roles, _FIRST_COLUMN):
            if column == fits and role != "context":
                yield _Read(place, "habit", "own")
            elif role != "habit" or fits not in layout.habit:
                yield _Read(place, role, column)

    def _slots(self, read: _Read) -> Iterator[_Slot]:
        """A value's term, and what it adds with this offer and with this owner."""
        group = f"{read.role}:{read.name}"
        yield self._slot(group, read.place)
        if read.role != "trait":
            yield self._slot(f"offer_{group}", _OFFER, read.place)
        if read.role == "context" and self._owner:
            yield self._slot(f"{self._owner}_{group}", self._owner_at, read.place)

    def _number(self, read: _Read, offer: str) -> _Number:
        name = f"{read.role} {read.name}"
        slopes, bends = [TermName(f"slope:{name}", "")], [TermName(f"bend:{name}", "")]
        if read.role != "trait":
            slopes.append(TermName(f"offer_slope:{name}", offer))
            bends.append(TermName(f"offer_bend:{name}", offer))
        owned = f"{self._owner}_slope:{name}" if read.role == "context" and self._owner else None
        return _Number(read.place, name, tuple(slopes), tuple(bends), owned)

    def _slot(self, group: str, first: int, second: int | None = None) -> _Slot:
        met = self._met.setdefault(group, {})
        return _Slot(group, met, first, first if second is None else second)


def as_number(text: str) -> float | None:
    """The finite number that a text writes, else None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def matching(offer: str, columns: Sequence[str]) -> str | None:
    """The column whose name says the same as the offer, by the words both share; None where no or no single one does.

    `Carry out & Take away` fits `CarryAway`, and `Restaurant(<20)` fits `RestaurantLessThan20`.
    """
    words = _words(offer)
    likeness = sorted(((_dice(words, _words(name)), name) for name in columns), reverse=True)
    if not likeness or likeness[0][0] < _ALIKE:
        return None
    tied = len(likeness) > 1 and likeness[1][0] == likeness[0][0]
    return None if tied else likeness[0][1]


def _words(text: str) -> frozenset[str]:
    text = _SPAN.sub(" to ", text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return frozenset(word.casefold() for word in _WORD.findall(_HUMP.sub(" ", text)))


def _dice(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 0.0
