"""Brands' customers: who they are, what they allowed, what they like, and when they come."""

import re
import unicodedata
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from domain.fatigue import Fatigue
from domain.occasions import Occasions
from domain.tastes import Tastes
from domain.traits import Leaning
from domain.values import Value


class Mode(StrEnum):
    """`test` customers live beside `live` ones: they never reach FCM and never enter learning."""

    LIVE = "live"
    TEST = "test"


class Purpose(StrEnum):
    PUSH = "push"
    LOCATION = "location"
    BACKGROUND_LOCATION = "background_location"
    HABITS = "habits"
    PURCHASES = "purchases"


# What no trait, interest, segment or attribute may tell of a person: the special categories of data (health, pregnancy,
# faith, politics, origin, sexual life, union membership) and offences. Knowing them harms people even when nobody means
# to, so they are refused at the door: name what is chosen (`gluten_free`, `no_alcohol`), never its cause.
SENSITIVE_WORDS = frozenset(
    """
    abortion addict addicted addiction allergic allergies allergy anxiety asthma asthmatic cancer celiac chronic coeliac
    dementia depressed depression diabetes diabetic disability disabled disease epilepsy epileptic handicap handicapped
    health hiv ill illness infertile infertility ivf medical medication medicine miscarriage obese obesity overweight
    patient pregnancy pregnant prenatal maternity contraceptive contraception menopause insulin expecting sick
    adhd aids alzheimer anorexia antenatal antidepressant arthritis autism autistic babyshower bipolar bulimia chemotherapy
    dialysis duedate fertility gynaecology gynecology methadone midwife migraine oncology parkinson postnatal postpartum
    psychiatric psychiatry psychotherapy rehab schizophrenia wheelchair
    atheism atheist baptised buddhism buddhist catholic christian christianity confession faith hindu hinduism islam
    islamic jew jewish judaism halal kosher ramadan lutheran mormon muslim orthodox protestant religion religious sikh sikhism
    baptism bible chanukah chapel christening church circumcision communion diwali eid hanukkah koran mitzvah mosque
    parish passover prayer praying priest quran rabbi synagogue torah worship
    communist conservative democrat leftist liberal nationalist political politics republican rightist socialist voter
    caste ethnic ethnicity immigrant migrant nationality racial refugee
    asexual bisexual gay heterosexual homosexual intersex lesbian lgbt lgbtq lgbtqi nonbinary pansexual queer sexual sexuality
    transgender transsexual
    convict convicted criminal felon felony offender parole prison unionised unionized unionist
    diabète diabeetikko diabetiker diabetikerin diabétique embarazada embarazo enceinte grossesse gravid gravidez
    gravidanza incinta krank krankheit maladie moschee moskeija mosquée musulman musulmana musulmán muslimi raskaana raskaus
    sairas sairaus schwanger schwangerschaft zwanger zwangerschap chiesa église iglesia kirche kirkko kyrka homoseksuaali
    homosexuel homosexuell schwul
    """.split()  # noqa: SIM905 - a paragraph is easier to read and to extend than a hundred lines
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS = re.compile(r"[^\W\d_]+")


def sensitive_word(text: str) -> str | None:
    """The first word of `text` that stands in `SENSITIVE_WORDS`, however it is spelled (`is-pregnant`, `isPregnant`, `due date`,
    `churches`); else None.
    """
    apart = _HUMP.sub(" ", unicodedata.normalize("NFKC", text))
    words = _WORDS.findall(apart.casefold())
    joined = ("".join(pair) for pair in pairwise(words))
    return next((known for word in (*words, *joined) if (known := _listed(word))), None)


def _listed(word: str) -> str | None:
    singular = (word, word.removesuffix("s"), word.removesuffix("es"))
    return next((each for each in singular if each in SENSITIVE_WORDS), None)


class Platform(StrEnum):
    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class TargetKind(StrEnum):
    """FCM addresses an app install by registration token or by Firebase installation id."""

    TOKEN = "token"
    FID = "fid"


class Permission(StrEnum):
    """The phone's own push permission; `unknown` counts as allowed."""

    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Target(Value):
    kind: TargetKind
    value: str

    @property
    def fid(self) -> str | None:
        """The Firebase installation id behind it: the id itself, or what a token begins with; None where it tells none."""
        head, colon, _ = self.value.partition(":")
        known = self.kind is TargetKind.FID or colon
        return head if known and _FID.fullmatch(head) else None


_FID = re.compile(r"[A-Za-z0-9_-]{22}")

# FCM's own words: stale is a device without contact for a month, and Android's registrations expire after 270 days.
STALE_AFTER = timedelta(days=30)
ANDROID_EXPIRES_AFTER = timedelta(days=270)


class Device(Value):
    """One app install with its FCM target; None while the last one is proved dead and no new one has come."""

    id: str
    brand_id: str
    mode: Mode
    customer_id: str
    platform: Platform
    target: Target | None
    locale: str | None = None
    time_zone: str | None = None
    app_version: str | None = None
    push_permission: Permission = Permission.UNKNOWN


class QuietHours(Value, rename={"from_": "from"}):
    """Local wall-clock hours of silence, `from` ≤ t < `to`; past midnight where `to` ≤ `from`.

    `days` are the days on which the span begins: `mo tu we th fr sa su`; none means every day.
    """

    from_: str
    to: str
    days: tuple[str, ...] = ()


class Occasion(Value):
    """A yearly date of the customer's own: `kind` (birthday, anniversary, …) and an ISO date."""

    kind: str
    date: str


class Preferences(Value):
    """What the customer set for themselves; wins over the brand's policy where it is stricter."""

    quiet_hours: tuple[QuietHours, ...] = ()
    max_per_week: int | None = None
    paused_until: datetime | None = None
    muted_kinds: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()


class Customer(Value):
    """One person of a brand; `external_id` is None while the person is anonymous."""

    id: str
    brand_id: str
    mode: Mode
    external_id: str | None = None
    first_name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    occasions: tuple[Occasion, ...] = ()
    traits: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    attributes: dict[str, str | int | float | bool | None] = {}
    revision: int = 1


class Consent(Value):
    """The state of one purpose: the ledger entry in force, and since when (device time of the grant)."""

    purpose: Purpose
    granted: bool
    entry_id: str
    since: datetime


class Consents(Value):
    """All purposes of one person. No entry means no."""

    of: dict[Purpose, Consent] = {}

    def granted(self, purpose: Purpose) -> Consent | None:
        """The consent in force for `purpose`, or None."""
        consent = self.of.get(purpose)
        return consent if consent and consent.granted else None


class Wheel(Value):
    """Decayed counts of a person's visits by weekday (7) and by hour on weekdays and weekend days (2 × 24).

    `as_of` is the time the weights are relative to; see reference habits §D (factorised wheel, forward decay).
    """

    days: tuple[float, ...] = (0.0,) * 7
    hours: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0,) * 24, (0.0,) * 24)
    weight: float = 0.0
    as_of: datetime | None = None


class Orders(Value):
    """Of a person's visits, those with an order: decayed counts as of the visits' wheel, each whole in its own hour."""

    wheel: Wheel = Wheel()
    rate: float = 0.0  # decayed, within the 45-day memory, as of the wheel's time
    evidence: float = (
        0.0  # nats by which this wheel foretold the orders better than the visits' does
    )


class Frequented(Value):
    """One store of a person: decayed visits by kind of day and daypart (2 × 4), and the nats that it depends on these."""

    store_id: str
    cells: tuple[float, ...] = (0.0,) * 8
    nats: float = 0.0


class Stores(Value):
    """Where a person's visits were: the strongest few stores, and the decayed visits to stores that left the table."""

    known: tuple[Frequented, ...] = ()
    elsewhere: float = 0.0
    as_of: datetime | None = None


class Profile(Value):
    """What is known of one person's habits; built only with `habits` consent and deleted with it."""

    wheel: Wheel = Wheel()
    visits: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    rate: float = 0.0  # decayed visits within the 45-day memory
    rate_as_of: datetime | None = None
    evidence: float = 0.0  # nats by which the own wheel foretold the visits better than the brand's
    tastes: Tastes = Tastes()
    traits: tuple[Leaning, ...] = ()
    occasions: Occasions = Occasions()
    fatigue: Fatigue = Fatigue()
    rate14: float = 0.0  # as `rate`, within a memory of 14 days
    returned: int = (
        0  # the visit, counted from 1, that ended the last silence as long as of a lost customer
    )
    told_at: datetime | None = None  # until when the brand has learned from this person's silence
    orders: Orders = Orders()
    stores: Stores = Stores()
