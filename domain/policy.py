"""A brand's policy: kill switch, caps, quiet hours, holdout, exploration, and the price of an interruption."""

from enum import StrEnum

from domain.offers import OfferKind
from domain.people import QuietHours
from domain.values import Value

MOST_FIX_HOURS = 72  # that a brand may keep positions as they came


class Cap(Value):
    """Sends to one customer: within the local day, and within any rolling seven days. None means no cap."""

    per_day: int | None = None
    per_week: int | None = None


class Caps(Value):
    """Sends to one customer in all, and of those how many of a kind, and about one and the same store."""

    per_day: int | None = 2
    per_week: int | None = 5
    kinds: dict[OfferKind, Cap] = {}
    per_store: Cap | None = None


class Devices(StrEnum):
    """Which of a person's devices get a message."""

    ALL = "all"
    ACTIVE = "active"


class Policy(Value):
    """What a brand allows its engine. `interruption_price` is in `currency`, per push.

    `keep_fixes_h` is how many hours positions are kept as they came, 0 to MOST_FIX_HOURS; 0 keeps none.
    `at_least_once` sends a push again whose answer was lost, so that a person may get it twice.
    """

    paused: bool = False
    caps: Caps = Caps()
    quiet_hours: tuple[QuietHours, ...] = ()
    holdout_share: float = 0.1
    exploration: float = 0.02
    hold: bool = True
    interruption_price: float = 0.05
    currency: str = "EUR"
    keep_fixes_h: int = 0
    devices: Devices = Devices.ALL
    at_least_once: bool = False
    revision: int = 1


class Brand(Value):
    """A tenant. `fcm_credentials` is a path or `anonymous`; None means the process's own."""

    id: str
    slug: str
    name: str
    time_zone: str
    signing_secret: str
    ledger_key: str = ""  # signs explanations, and what stays of a person in the ledger
    policy: Policy = Policy()
    fcm_project: str | None = None
    fcm_credentials: str | None = None
