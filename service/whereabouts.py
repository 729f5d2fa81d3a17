"""What is known of a person's home and workplace: for the person all of it, for the brand only whom it may reach."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from domain.haunts import Claim, Haunt, PlaceKind, Places
from domain.places import Store
from geofence.distance import metres
from geofence.places import centre_of, claims, faded
from scheduler.telling.sentences import Voice

REACH_M = 5_000.0
_GRAIN_M = 500.0
_CELL_M = 500
_DIGITS = 3  # 100 m: the middle of a cell means no more
_DEGREES = REACH_M / 111_000


def to_the_person(places: Places, voice: Voice, *, on: date) -> dict[str, Any] | None:
    """Every cell that is stored with its evidence as of this local date, and what is claimed; None where nothing is known."""
    if not places.haunts:
        return None
    known = claims(places, on=on)
    now = faded(places, on.toordinal())
    return {
        "claimed": [_said(claim, voice) | {"area": _area(claim.cell)} for claim in known.values()],
        "cells": [_cell(haunt, known) for haunt in sorted(now.haunts, key=lambda h: -h.hours)],
    }


def to_the_brand(
    places: Places, stores: Sequence[Store], voice: Voice, *, on: date
) -> list[dict[str, Any]]:
    """What is claimed with its evidence, and the stores within 5 km; not where it is."""
    return [
        _said(claim, voice) | {"stores": _near(claim, stores)}
        for claim in claims(places, on=on).values()
    ]


def _said(claim: Claim, voice: Voice) -> dict[str, Any]:
    sure = "certain" if claim.certain else "likely"
    return {
        "kind": claim.kind,
        "sentence": voice.say(f"known.{claim.kind}", times=claim.times, count=claim.of, sure=sure),
        "seen": claim.times,
        "of": claim.of,
        "days": claim.days,
        "certain": claim.certain,
    }


def _area(cell: int) -> dict[str, float]:
    middle = centre_of(cell)
    return {
        "latitude": round(middle.latitude, _DIGITS),
        "longitude": round(middle.longitude, _DIGITS),
        "width_m": _CELL_M,
    }


def _cell(haunt: Haunt, known: dict[PlaceKind, Claim]) -> dict[str, Any]:
    return {
        "area": _area(haunt.cell),
        "claimed_as": [kind for kind, claim in known.items() if claim.cell == haunt.cell],
        "hours": round(haunt.hours, 1),
        "nights": round(haunt.nights, 1),
        "weekdays": round(haunt.weekdays, 1),
        "days": haunt.days,
        "last_seen_on": date.fromordinal(haunt.last),
    }


def _near(claim: Claim, stores: Sequence[Store]) -> list[dict[str, Any]]:
    middle = centre_of(claim.cell)
    around = (each for each in stores if abs(each.latitude - middle.latitude) <= _DEGREES)
    away = [(metres(each.latitude, each.longitude, *middle), each.external_id) for each in around]
    return [
        {"store": name, "distance_m": round(distance / _GRAIN_M) * _GRAIN_M}
        for distance, name in sorted(away)
        if distance <= REACH_M
    ]
