"""A world as its brand would tell it to the API: its policy, its offers, its weather, and what people say to a request for consent."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from bench.world.people import Town
from bench.world.spec import World, WorldOffer
from domain.ledger import Statement
from domain.offers import (
    About,
    OfferBody,
    OfferKind,
    OfferValue,
    WeatherCondition,
    WeatherWord,
    When,
)
from domain.people import Purpose
from domain.policy import Caps, Policy
from domain.weather import Cell, Observation

STORE = "store"
WHERE = (60.1841, 24.9499)
_WET, _DRY = WeatherWord.RAIN, WeatherWord.CLOUDS


class Sky:
    """The town's weather, as a provider tells it."""

    name = "recorded"

    def __init__(self, town: Town) -> None:
        self._town = town

    def current(self, cells: Sequence[Cell], *, now: datetime) -> list[Observation]:
        hours = (now - self._town.world.begins).total_seconds() / 3600
        wet = bool(self._town.is_wet(np.array([hours]))[0])
        return [
            Observation(
                cell=cell.key,
                provider=self.name,
                observed_at=now,
                fetched_at=now,
                word=_WET if wet else _DRY,
                temperature=12.0 if wet else 18.0,
            )
            for cell in cells
        ]


def policy_of(world: World) -> Policy:
    """The brand's policy."""
    rules = world.policy
    return Policy(
        caps=Caps(per_day=rules.caps.per_day, per_week=rules.caps.per_week),
        quiet_hours=world.quiet,
        holdout_share=rules.holdout_share,
        exploration=rules.exploration,
        interruption_price=world.price,
        hold=rules.hold,
    )


def body_of(offer: WorldOffer) -> OfferBody:
    """The offer as the API has it."""
    hours = None
    if offer.hours:
        begins, ends = (_clock(each) for each in offer.hours)
        hours = f"{begins}-{ends}"
    weather = WeatherCondition(any=(_WET,)) if offer.only_in_rain else None
    return OfferBody(
        kind=OfferKind.DISCOUNT,
        title={"en": offer.id},
        body={"en": f"Come for {offer.id}"},
        about=About(items=(offer.id,), categories=(offer.id,)),
        value=OfferValue(margin=offer.margin, discount=offer.discount),
        when=When(hours=hours, weather=weather),
    )


def _clock(hour: float) -> str:
    return f"{int(hour):02}:{round(hour % 1 * 60):02}"


def statement(purpose: Purpose, granted: bool, at: datetime) -> Statement:
    return Statement(
        purpose=purpose,
        granted=granted,
        occurred_at=at,
        wording="May we?",
        wording_version="1",
        locale="en",
        source="onboarding",
    )
