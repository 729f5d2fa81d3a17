"""Which way out a brand's messages take: FCM for live customers, nowhere for test ones."""

from collections.abc import Callable

from domain.messages import Outcome
from domain.people import Mode
from domain.policy import Brand
from domain.settings import Settings
from notifiers.base import Notifier, Timed
from notifiers.console import ConsoleNotifier
from notifiers.firebase import FirebaseNotifier
from notifiers.memory import MemoryNotifier
from service.parts import project_of

_LOCAL = "local"  # the project's name where nothing leaves the process


class Outlets:
    """The notifiers of one process. `route` is asked for each message, so a brand's new project counts at once."""

    def __init__(self, settings: Settings, *, observe: Callable[[Outcome, float], None]) -> None:
        self._settings = settings
        self._credentials: dict[str, str] = {}
        self._tests = MemoryNotifier()
        self._live = Timed(self._transport(), observe=observe)

    def route(self, brand: Brand, mode: Mode) -> tuple[str, Notifier] | None:
        """The project and the way out; None where live messages have no project or credentials to go through."""
        if mode is Mode.TEST:
            return _LOCAL, self._tests
        if self._settings.fcm_transport != "admin":
            return project_of(brand, self._settings) or _LOCAL, self._live
        project = project_of(brand, self._settings)
        credentials = brand.fcm_credentials or self._settings.fcm_credentials
        if not project or not credentials:
            return None
        self._credentials[project] = credentials
        return project, self._live

    def close(self) -> None:
        self._live.close()

    def _transport(self) -> Notifier:
        match self._settings.fcm_transport:
            case "console":
                return ConsoleNotifier()
            case "memory":
                return MemoryNotifier()
            case "admin":
                return FirebaseNotifier(
                    accounts=self._credentials.get,
                    endpoint=self._settings.fcm_endpoint,
                    timeout_s=self._settings.fcm_timeout_s,
                    ca_file=self._settings.fcm_ca_file,
                    connections=self._settings.fcm_concurrency,
                )
