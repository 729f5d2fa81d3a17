"""What the views need, built once per process by `service/wiring.py` and passed to every blueprint."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from domain.clock import Clock
from domain.policy import Brand
from domain.settings import Settings
from scheduler.fences import FenceCache
from service import geocode
from service.locating import Locator
from service.metrics import Metrics
from storage.engine import Database


class IdTokens(Protocol):
    """Proves a Firebase ID token of a brand's own project; answers its subject, or None."""

    def subject(self, project: str, token: str) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Parts:
    """`wake` tells the loop that a moment is due; it is harmless where no loop runs in this process."""

    settings: Settings
    database: Database
    clock: Clock
    metrics: Metrics
    id_tokens: IdTokens
    wake: Callable[[], None]
    ready: Callable[[], dict[str, str]]  # what is not ready, by part; empty where all is well

    @cached_property
    def fences(self) -> FenceCache:
        """The brands' fences in memory, shared by all views and the loop of this process."""
        return FenceCache(self.database)

    @cached_property
    def locator(self) -> Locator:
        """Finds stores by their address where the settings name a geocoder."""
        return Locator(self.database, geocode.of(self.settings))


def project_of(brand: Brand, settings: Settings) -> str | None:
    """The Firebase project a brand sends through: its own, else the process's."""
    return brand.fcm_project or settings.fcm_project
