"""What one decision rests on. A `Context` is stored as the decision's inputs, so it holds no position and no name."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from domain.decisions import Cause
from domain.haunts import Places
from domain.holdout import NEVER, Member
from domain.model import Learned
from domain.offers import Offer, OfferKind, WeatherWord
from domain.people import Consents, Customer, Preferences, Profile, Purpose, Wheel
from domain.places import LatLon, Store
from domain.policy import Brand, Policy
from domain.slots import Vacancy
from domain.values import Value
from domain.weather import Observation


class Weary(Value, omit_defaults=True):
    """How a person has taken pushes of late: those of the last weeks, fading, those ignored in a row, and the last refusal."""

    pushes: float = 0.0
    ignored: float = 0.0
    refused: float = 0.0  # 1 at a "not for me", half at a dismissal, fading


class Reach(StrEnum):
    """Whether a push can arrive at all."""

    REACHABLE = "reachable"
    NO_DEVICE = "no_device"
    DENIED = "permission_denied"


class Sent(Value):
    """An earlier send to this person. `seen` is False where it surely never reached a phone."""

    offer_id: str
    at: datetime
    local_date: str | None
    daypart: int | None
    seen: bool = True
    store_id: str | None = None
    kind: OfferKind | None = None  # where a cap asks for it


class Whereabouts(Value):
    """The person's last fix."""

    position: LatLon
    occurred_at: datetime


class Known(Value):
    """All that storage knows of one person for a decision. `zones`: those of their devices, newest first."""

    customer: Customer
    preferences: Preferences = Preferences()
    consents: Consents = Consents()
    reach: Reach = Reach.NO_DEVICE
    zones: tuple[str, ...] = ()
    locale: str | None = None
    sent: tuple[Sent, ...] = ()
    refused: tuple[str, ...] = ()  # offers answered with "not for me", by id
    profile: Profile | None = None
    whereabouts: Whereabouts | None = None
    usual_store_id: str | None = None
    member: Member = Member(draw=NEVER)
    places: Places | None = None


class Sold(NamedTuple):
    """The sends of an offer: in all, today, and those whose discount may still be asked for or was."""

    in_all: int = 0
    today: int = 0
    pledged: int = 0


class Ground(Value):
    """All that storage knows of a brand for the decisions of a batch. `sold` is by offer id."""

    brand: Brand
    offers: tuple[Offer, ...] = ()
    stores: tuple[Store, ...] = ()
    skies: dict[str, Observation] = {}  # by cell, none of them stale
    sold: dict[str, Sold] = {}
    wheel: Wheel = Wheel()


class Sky(Value):
    """Fresh weather over a store."""

    word: WeatherWord
    temperature: float | None = None
    wind: float | None = None

    @classmethod
    def of(cls, seen: Observation | None) -> "Sky | None":
        if seen is None:
            return None
        return cls(word=seen.word, temperature=seen.temperature, wind=seen.wind)


class Nearby(Value):
    """A person's own place and a store: how far they are apart, to 100 m, and on how many of how many nights or weekdays
    the person was there.
    """

    distance_m: float
    times: int
    of: int


class Candidate(Value, omit_defaults=True):
    """One offer as it stands for this person now; its text and conditions are found by id and revision.

    `store_id` is the store it would be about, `distance_m` the person's distance from it where their position is
    fresh. `store_open` is about the time of arrival; None where no opening hours are known. `elsewhere`: the moment
    belongs to a store at which this offer is not valid. `place`: the home or workplace that the offer asks for and the
    nearest of its stores. `left`: the sends that its tightest limit still allows.
    `unsayable`: why its text cannot be made for this person. `regular` and `taste`: how often they came to the store, and
    chose what it is about, in words; None where that is not known. `kind_left` and `store_left`: the pushes of its kind, and
    about its store, that the brand's caps still allow this person; None where there is no such cap.
    """

    offer_id: str
    revision: int
    store_id: str | None = None
    distance_m: float | None = None
    elsewhere: bool = False
    place: Nearby | None = None
    hours_hold: bool | None = None
    store_open: bool | None = None
    sky: Sky | None = None
    left: int | None = None
    last_sent_at: datetime | None = None
    said_in_daypart: bool = False
    refused: bool = False
    unsayable: str | None = None
    regular: str | None = None
    taste: str | None = None
    kind_left: int | None = None
    store_left: int | None = None


class Likely(Value, omit_defaults=True):
    """The person's rhythm at this time: P(visit in the next 3 h), and the likely window that comes next.

    `at` is when the habit moment before that window falls due; `evidence` is in nats. `came`: they were there earlier on this day.
    """

    p_visit: float = 0.0
    evidence: float = 0.0
    at: datetime | None = None
    p_then: float = 0.0
    came: bool = False


class Context(Value, omit_defaults=True):
    """One person at one moment. `zone` is None where no clock of theirs is known; `permits`: purpose → ledger entry.

    `sent_at`: earlier sends of the last 30 days that may have been seen. `draw`: where the person stands in [0, 1) of
    the holdout. `local_date` and `daypart` are those of G2, by the person's wall clock. `learned`: what is believed of the
    terms; in stored inputs, those that the decision rested on.
    """

    moment_id: str
    cause: Cause
    decided_at: datetime
    expires_at: datetime
    zone: str | None = None
    local_date: str | None = None
    daypart: int | None = None
    permits: dict[Purpose, str] = {}
    reach: Reach = Reach.REACHABLE
    preferences: Preferences = Preferences()
    traits: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    sent_at: tuple[datetime, ...] = ()
    draw: float = 0.0
    likely: Likely = Likely()
    slot: Vacancy | None = None  # at a moment of a slot
    weary: Weary | None = None
    learned: Learned = Learned()
    fences: int | None = None  # the revision of the fences by which the moment arose
    candidates: tuple[Candidate, ...] = ()


class Inputs(Value):
    """What is stored of a decision so that it can be computed again: the context, and the rules by value or revision."""

    context: Context
    policy: Policy
    model: int
