"""Which way out a brand's messages take: FCM for live customers, nowhere for test ones, or a webhook of the brand's."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from domain.errors import Refusal
from domain.messages import Outcome
from domain.people import Mode
from domain.policy import Brand
from domain.settings import Settings
from domain.webhooks import Webhook
from notifiers import transports
from notifiers.base import Notifier, Timed, TimedMultiplexed
from notifiers.console import ConsoleNotifier
from notifiers.firebase import GOOGLE, FirebaseNotifier
from notifiers.memory import MemoryNotifier
from scheduler.manners import QUARTER_S, Pace
from scheduler.rerouting import Hooked
from service.parts import project_of
from service.webhooks import MOST_AT_ONCE, notifier_of

Observe = Callable[[Outcome, float], None]
_LOCAL = "local"  # the project's name where nothing leaves the process


class Outlets:
    """The notifiers of one process. `route` is asked for each message, so a brand's new project counts at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        observe: Observe,
        observe_webhook: Observe = lambda outcome, seconds: None,
    ) -> None:
        self._settings = settings
        self._credentials: dict[str, str] = {}
        self._tests = MemoryNotifier()
        self._kind = settings.fcm_transport or transports.best().kind
        self.concurrency = settings.fcm_concurrency or transports.CONCURRENCY.get(self._kind, 32)
        self._live = self._transport(observe)
        self._known_webhooks: dict[str, Webhook] = {}
        self._posting = notifier_of(settings, self._known_webhooks.get)
        self._webhooks = Timed(self._posting, observe=observe_webhook)

    def route(self, brand: Brand, mode: Mode) -> tuple[str, Notifier] | None:
        """The project and the way out; None where live messages have no project or credentials to go through."""
        if mode is Mode.TEST:
            return _LOCAL, self._tests
        if self._kind in ("console", "memory"):
            return project_of(brand, self._settings) or _LOCAL, self._live
        project = project_of(brand, self._settings)
        credentials = brand.fcm_credentials or self._settings.fcm_credentials
        if not project or not credentials:
            return None
        self._credentials[project] = credentials
        return project, self._live

    @property
    def pace(self) -> Pace:
        """The manners towards FCM. Google's other senders, and the word not to deliver, are known to its own endpoint alone."""
        at_google = self._kind in ("curl", "admin") and self._settings.fcm_endpoint == GOOGLE
        quarters = self._settings.fcm_quarter_hours or ("avoid" if at_google else "ignore")
        asks = self._settings.fcm_validate or ("first" if at_google else "never")
        return Pace(
            per_minute=self._settings.fcm_quota_per_minute,
            quarter_s=QUARTER_S if quarters == "avoid" else 0,
            validates=asks == "first",
        )

    def hook(self, webhook: Webhook) -> Hooked:
        """The way out to a webhook, which rests by itself; as it is now, so that a new address or secret counts at once."""
        self._known_webhooks[webhook.id] = webhook
        room = MOST_AT_ONCE - self._posting.under_way(webhook.id)
        return Hooked((f"webhook:{webhook.id}", self._webhooks), room)

    def close(self) -> None:
        self._live.close()
        self._webhooks.close()

    def _transport(self, observe: Observe) -> Notifier:
        match self._kind:
            case "console":
                return Timed(ConsoleNotifier(), observe=observe)
            case "memory":
                return Timed(MemoryNotifier(), observe=observe)
            case "admin":
                return Timed(FirebaseNotifier(**self._options()), observe=observe)
            case "curl":
                return TimedMultiplexed(_curl()(**self._options()), observe=observe)

    def _options(self) -> dict[str, Any]:
        return {
            "accounts": self._credentials.get,
            "endpoint": self._settings.fcm_endpoint,
            "timeout_s": self._settings.fcm_timeout_s,
            "ca_file": self._settings.fcm_ca_file,
            "connections": self.concurrency,
        }


def _curl() -> Any:
    """Loaded only where it is chosen: pycurl has no wheel for some platforms."""
    try:
        return import_module("notifiers.curl").CurlNotifier
    except ImportError as error:
        raise Refusal(
            f"The transport `curl` needs pycurl, which cannot be loaded ({error}); leave "
            "WHENABOUTS_FCM_TRANSPORT out, or set it to `admin`."
        ) from error
