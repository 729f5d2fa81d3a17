"""A brand with one store, made by the command line, furnished by its admin, visited by people with phones."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import jwt
from click.testing import CliRunner

from domain.ids import new_id
from service.cli.main import main
from tests.acceptance.processes import PATIENCE_S, Api, House, until

PURPOSES = ("push", "location", "background_location", "habits", "purchases")
DOOR = (60.184123, 24.949876)
FAR = (60.171456, 24.941543)  # 1.5 km away
RADIUS_M = 120
POLICY = {  # nothing is left to chance, and nobody is ever too often spoken to
    "holdout_share": 0,
    "exploration": 0,
    "interruption_price": 0,
    "hold": False,
    "quiet_hours": [],
    "caps": {"per_day": None, "per_week": None},
}
OFFER = {
    "kind": "discount",
    "title": {"en": "Hot soup, {{ customer.first_name | default: 'you' }}?"},
    "body": {"en": "{{ store.name }} is {{ distance_m }} m away."},
    "value": {"margin": 6.0, "discount": 1.5, "currency": "EUR"},
    "stores": ["kallio"],
    "when": {"place": {"within_m": 500, "of": "store", "via": ["enter"]}},
    "life": {"ttl_s": 1200},
    "data": {"deep_link": "https://soup.example/offers/hot-soup"},
    "push": {"image": "https://soup.example/soup.png", "channel": "offers", "badge": 1},
}


class Fix(NamedTuple):
    """A position at a time."""

    latitude: float
    longitude: float
    at: datetime
    event_id: str

    def body(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "accuracy_m": 8.0,
            "occurred_at": self.at.isoformat(),
        }


def fix(place: tuple[float, float] = DOOR, *, ago_s: float = 0.0) -> Fix:
    return Fix(*place, at=now() - timedelta(seconds=ago_s), event_id=new_id())


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


class Phone:
    """An install of the brand's app."""

    def __init__(self, api: Api, registered: dict[str, Any]) -> None:
        self.api = api
        self.device_id: str = registered["device_id"]
        self.customer_id: str = registered["customer_id"]

    def say(self, *purposes: str, granted: bool = True, ago_s: float = 0.0) -> dict[str, Any]:
        """Grants or withdraws; the answer."""
        entries = [
            {
                "purpose": purpose,
                "granted": granted,
                "wording": "May we?",
                "wording_version": "1",
                "locale": "en",
                "source": "settings",
                "occurred_at": (now() - timedelta(seconds=ago_s)).isoformat(),
            }
            for purpose in purposes
        ]
        answer: dict[str, Any] = self.api.post("/v1/consents", {"entries": entries})
        return answer

    def send(self, *fixes: Fix) -> dict[str, Any]:
        """The answer; no fix may have been refused."""
        answer: dict[str, Any] = self.api.post(
            "/v1/locations", {"fixes": [each.body() for each in fixes]}
        )
        assert not answer["rejected"], answer
        return answer

    def walk_in(self) -> dict[str, Any]:
        """One fix at the door, as of now."""
        answer = self.send(fix())
        assert [each["type"] for each in answer["transitions"]] == ["enter"], answer
        return answer

    def decisions(self) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self.api.get("/v1/me/decisions")["data"]
        return found

    def decision(self, *, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The newest, once there is one."""
        return until(self.decisions, within_s=within_s, what="a decision about this person")[0]

    def delivered(self, *, within_s: float = PATIENCE_S) -> list[str]:
        """The statuses of the newest decision's deliveries, once there are any."""

        def seen() -> list[str]:
            found = self.decisions()
            return [each["status"] for each in found[0]["deliveries"]] if found else []

        return until(seen, within_s=within_s, what="a delivery that has ended")


def walk_in(phones: Iterable[Phone]) -> None:
    """All at once, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda phone: phone.send(fix()), phones))


class Shop:
    """A brand, its keys, its store and one offer to whoever walks in."""

    def __init__(self, house: House, url: str, slug: str = "soup") -> None:
        self.house = house
        self.url = url
        self.slug = slug
        made = command(house, "brands", "create", slug, "--time-zone", "Europe/Helsinki")
        self.signing_secret: str = made["signing_secret"]
        self.admin = Api(url, self.key("--kind", "secret"))
        self.app_key = self.key("--kind", "publishable")

    def key(self, *options: str) -> str:
        made: str = command(self.house, "keys", "create", "--brand", self.slug, *options)["key"]
        return made

    def furnish(self, **offer: Any) -> "Shop":
        """The store with its fence, the offer with these parts changed, and a policy without chance."""
        latitude, longitude = DOOR
        circle = {"type": "circle", "center": [longitude, latitude], "radius_m": RADIUS_M}
        self.admin.put(
            "/v1/stores/kallio", {"name": "Kallio", "latitude": latitude, "longitude": longitude}
        )
        self.admin.put("/v1/geofences/kallio", {"store": "kallio", "shape": circle})
        self.admin.put("/v1/offers/hot-soup", {**OFFER, **offer})
        self.admin.put("/v1/engine", POLICY)
        return self

    def moved(self, url: str) -> None:
        """The service listens elsewhere now."""
        self.url = self.admin.url = url

    def phone(
        self,
        target: str,
        *purposes: str,
        who: str | None = None,
        key: str | None = None,
        **more: Any,
    ) -> Phone:
        """Registers an install, of `who` where that is given, that was granted these purposes an hour ago, or all."""
        body = {"platform": "android", "target": {"kind": "token", "value": target}, **more}
        if who:
            body["customer_token"] = self.proof(who)
        answer = Api(self.url, key or self.app_key).post("/v1/devices", {"locale": "en", **body})
        phone = Phone(Api(self.url, answer["credential"]), answer)
        phone.say(*(purposes or PURPOSES), ago_s=3600)
        return phone

    def phones(self, targets: Iterable[str]) -> list[Phone]:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self.phone, targets))

    def proof(self, who: str) -> str:
        """What the brand's backend signs for a person who has signed in."""
        claims = {"sub": who, "aud": self.slug, "exp": now() + timedelta(minutes=10)}
        return jwt.encode(claims, self.signing_secret, "HS256")


def command(house: House, *arguments: str) -> Any:
    """The document a command prints, run inside this process: it is another one than the service's, and quicker."""
    settings = {f"WHENABOUTS_{key}": value for key, value in house.settings.items()}
    done = CliRunner(env=settings).invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)
