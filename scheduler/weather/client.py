"""Which weather a process asks for: the providers by their names in the settings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import requests

from domain.errors import Invalid
from domain.settings import Settings
from domain.weather import Cell, Observation
from scheduler.weather.met_norway import HOST, MetNorway
from scheduler.weather.open_meteo import COMMERCIAL, FREE, OpenMeteo


class Provider(Protocol):
    """Raises `fetch.Unavailable` where nothing can be had; what it cannot make sense of it leaves out."""

    name: str

    def current(self, cells: Sequence[Cell], *, now: datetime) -> list[Observation]: ...


def provider(settings: Settings) -> Provider | None:
    """The provider that the settings name; None for `none`. Invalid where something it needs is not set."""
    session = requests.Session()
    session.trust_env = settings.weather_provider != "recorded"  # which is near; no proxy is
    match settings.weather_provider:
        case "open-meteo":
            base = settings.weather_url or (COMMERCIAL if settings.weather_api_key else FREE)
            return OpenMeteo(base_url=base, api_key=settings.weather_api_key, session=session)
        case "met-norway":
            contact = _needed(settings.weather_contact, "WHENABOUTS_WEATHER_CONTACT", "met-norway")
            base = settings.weather_url or HOST
            return MetNorway(base_url=base, contact=contact, session=session)
        case "recorded":
            base = _needed(settings.weather_url, "WHENABOUTS_WEATHER_URL", "recorded")
            return OpenMeteo(base_url=base, api_key=None, session=session, name="recorded")
        case "none":
            return None


def _needed(value: str | None, name: str, provider: str) -> str:
    if not value:
        raise Invalid(f"Weather provider {provider} needs {name}: see docs/weather.md.")
    return value
