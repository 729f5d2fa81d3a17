"""The demo's residents: each has a phone that talks to the service as a real app would, and legs that walk the streets."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import jwt

from domain.errors import Refusal
from domain.ids import new_id
from domain.places import LatLon
from domain.values import Value
from service.cli.client import Client
from service.demo.noise import GpsNoise
from service.demo.story import BRAND, WORDING, Character
from service.demo.town import Site, StreetGraph, metres, walk

WALK_SAMPLE_S = 15.0
STAY_SAMPLE_S = 60.0
DESK_SAMPLE_S = 600.0
KNOWN_FOR = timedelta(days=15)  # who works here agreed so long before the demo begins
FIRST_WALK_M = (180.0, 420.0)
PURPOSES = ("push", "location", "background_location", "habits", "purchases")
BATCH = 50


class Memory(Value):
    """What a phone keeps between two starts of the demo."""

    credential: str
    position: tuple[float, float]


class Resident:
    """One person with one phone. `step` sends what is due and says when to come again."""

    def __init__(
        self,
        character: Character,
        *,
        client: Client,
        graph: StreetGraph,
        sites: dict[str, Site],
        junctions: tuple[LatLon, ...],
        now: Callable[[], datetime],
        seed: int,
    ) -> None:
        self.character = character
        self._client = client
        self._graph = graph
        self._sites = sites
        self._junctions = junctions
        self._now = now
        self._rng = random.Random(seed)
        self._noise = GpsNoise(seed=seed)
        self._here = self._start()
        self._path = self._life()
        self._next: tuple[datetime, dict[str, Any]] | None = None
        self.credential = ""

    def move_in(self, *, app_key: str, signing_secret: str) -> None:
        """Registers the phone, proves who it belongs to, and asks the person's permission."""
        self._client.use(app_key)
        token = jwt.encode(
            {
                "sub": self.character.name,
                "aud": BRAND,
                "exp": self._now() + timedelta(minutes=10),
            },
            signing_secret,
            algorithm="HS256",
        )
        target = {"kind": "token", "value": f"{self.character.token}-{self.character.name}"}
        body = {"platform": "android", "target": target, "locale": "en", "customer_token": token}
        self.remember(self._client.call("POST", "/v1/devices", body)["credential"])
        self._client.call("POST", "/v1/consents", {"entries": self._consents()})
        self._client.call("PUT", "/v1/preferences", self._preferences())

    def remember(self, credential: str, position: tuple[float, float] | None = None) -> None:
        """Goes on with a credential from before, from where the phone was last."""
        self.credential = credential
        self._client.use(credential)
        if position:
            self._here = LatLon(*position)

    def memory(self) -> Memory:
        return Memory(
            credential=self.credential, position=(self._here.latitude, self._here.longitude)
        )

    def step(self) -> datetime:
        """Sends every fix that is due and returns the time of the next one."""
        fixes: list[dict[str, Any]] = []
        while len(fixes) < BATCH:
            due, fix = self._next or next(self._path)
            if due > self._now():
                self._next = due, fix
                break
            self._next = None
            fixes.append(fix)
        if fixes and "location" not in self.character.refuses:
            self._client.call("POST", "/v1/locations", {"fixes": fixes})
        return self._next[0] if self._next else self._now()

    def try_without_consent(self) -> str:
        """What the service answers to a position that it may not have."""
        fix = self._fix(self._now(), 0.0)
        try:
            self._client.call("POST", "/v1/locations", {"fixes": [fix]})
        except Refusal as refusal:
            return refusal.code
        return "accepted"

    def _consents(self) -> list[dict[str, Any]]:
        since = self._now() - (KNOWN_FOR if self.character.works else timedelta())
        return [
            {
                "purpose": purpose,
                "granted": purpose not in self.character.refuses,
                "wording": WORDING,
                "wording_version": "1",
                "locale": "en",
                "source": "app",
                "occurred_at": since.isoformat(),
            }
            for purpose in PURPOSES
        ]

    def _preferences(self) -> dict[str, Any]:
        quiet = [{"from": "09:00", "to": "19:00", "days": []}] if self.character.quiet else []
        return {
            "quiet_hours": quiet,
            "max_per_week": self.character.max_per_week,
            "traits": list(self.character.traits),
        }

    def _start(self) -> LatLon:
        """A street corner a few minutes from the favourite store, so that the first walk is short."""
        store = self._sites[self.character.favourite].position
        near, far = FIRST_WALK_M
        corners = [one for one in self._junctions if near <= metres(one, store) <= far]
        return self._rng.choice(corners or list(self._junctions))

    def _life(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Walks to a store, stays a while, walks on, for as long as somebody looks; or sits at a desk."""
        at = began = self._now()
        while self.character.works:
            yield at, self._fix(at, (at - began).total_seconds())
            at += timedelta(seconds=DESK_SAMPLE_S)
        goal = self._sites[self.character.favourite]
        while True:
            route = [*self._way_to(goal), goal.position]
            pace = self._rng.uniform(1.2, 1.6)
            set_out = at
            for offset, self._here in walk(route, speed_mps=pace, sample_s=WALK_SAMPLE_S):
                at = set_out + timedelta(seconds=offset)
                yield at, self._fix(at, (at - began).total_seconds())
            for _ in range(self._rng.randint(3, 9)):
                at += timedelta(seconds=STAY_SAMPLE_S)
                yield at, self._fix(at, (at - began).total_seconds())
            at += timedelta(seconds=self._rng.uniform(5, 60))
            goal = self._rng.choice(list(self._sites.values()))

    def _way_to(self, goal: Site) -> list[LatLon]:
        start, end = self._graph.nearest(self._here), self._graph.nearest(goal.position)
        return [self._here, *self._graph.route(start, end)]

    def _fix(self, at: datetime, offset_s: float) -> dict[str, Any]:
        reading = self._noise.reading(offset_s, self._here)
        return {
            "event_id": new_id(),
            "latitude": round(reading.latitude, 6),
            "longitude": round(reading.longitude, 6),
            "accuracy_m": reading.accuracy_m,
            "occurred_at": at.isoformat(),
            "background": True,
        }
