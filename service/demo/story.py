"""The demo's brand: its catalogue and offers as the API's JSON, and the habits of its fictional residents."""

from typing import Any

from domain.values import Value
from service.demo.town import Site, Town

BRAND = "soup-and-co"
FENCE_RADIUS_M = 100
DWELL_S = 240
WORDING = "Send me an offer when it fits my day. I can take this back at any time."

ITEMS: dict[str, dict[str, Any]] = {
    "soup-tomato": {"name": "Tomato soup", "category": "soup", "tags": ["vegan"], "price": 9.5},
    "soup-salmon": {"name": "Salmon soup", "category": "soup", "tags": ["fish"], "price": 12.9},
    "coffee": {"name": "Filter coffee", "category": "coffee", "tags": [], "price": 3.2},
}

OFFERS: dict[str, dict[str, Any]] = {
    "hot-soup": {
        "kind": "discount",
        "title": {"en": "Hot soup, a few steps away?"},
        "body": {"en": "{{ store.name }} is {{ distance_m }} m away: tomato soup with 1.50 € off."},
        "about": {"items": ["soup-tomato"], "categories": ["soup"]},
        "value": {"margin": 6.0, "discount": 1.5, "currency": "EUR"},
        "when": {"place": {"within_m": 300, "of": "store", "via": ["enter"]}},
        "limits": {"per_customer_days": 1},
        "life": {"ttl_s": 1800},
        "data": {"deep_link": "soupandco://offers/hot-soup"},
    },
    "rainy-day": {
        "kind": "discount",
        "title": {"en": "It rains. We have soup."},
        "body": {"en": "Warm up at {{ store.name }}, {{ distance_m }} m from you: 2 € off."},
        "about": {"categories": ["soup"]},
        "value": {"margin": 6.5, "discount": 2.0, "currency": "EUR"},
        "when": {
            "weather": {"any": ["rain", "thunder"]},
            "place": {"within_m": 600, "of": "store"},
        },
        "limits": {"per_customer_days": 1},
        "life": {"ttl_s": 1800},
    },
    "salmon-lunch": {
        "kind": "discount",
        "title": {"en": "Salmon soup for lunch?"},
        "body": {"en": "Your usual hour is near. Today's salmon soup at {{ store.name }}."},
        "about": {"items": ["soup-salmon"], "categories": ["soup"]},
        "value": {"margin": 7.0, "discount": 1.0, "currency": "EUR"},
        "when": {"hours": "Mo-Su 10:00-15:00", "place": {"via": ["habit"]}},
        "audience": {"traits_none": ["vegetarian"]},
        "limits": {"per_customer_days": 3, "per_day": 50},
        "life": {"ttl_s": 5400},
    },
    "coffee-on-us": {
        "kind": "thank_you",
        "title": {"en": "Thank you for staying a while"},
        "body": {"en": "A filter coffee is on us at {{ store.name }}."},
        "about": {"items": ["coffee"]},
        "value": {"margin": 2.4, "discount": 0.6, "currency": "EUR"},
        "when": {"place": {"within_m": 150, "of": "store", "via": ["dwell"]}},
        "limits": {"per_customer_days": 7},
        "life": {"ttl_s": 1800},
    },
}

# Put after the weeks in which the service got to know who works where, so that it finds them at once.
CATERING = "office-lunch"
CATERING_OFFER: dict[str, Any] = {
    "kind": "discount",
    "title": {"en": "Soup for the whole team?"},
    "body": {
        "en": "{{ store.name | default: 'We' }} brings lunch to your office: 3 € off until noon."
    },
    "about": {"categories": ["soup"]},
    "value": {"margin": 14.0, "discount": 3.0, "currency": "EUR"},
    "when": {"hours": "Mo-Fr 10:10-12:00", "place": {"of": "workplace", "within_m": 1200}},
    "limits": {"per_customer_days": 1},
    "life": {"ttl_s": 3600},
}

# Nothing by lot: of thirteen residents whoever tells a story must not be the one who is held out to prove an effect.
POLICY: dict[str, Any] = {
    "caps": {"per_day": 3, "per_week": 10},
    "holdout_share": 0,
    "exploration": 0,
    "interruption_price": 0.05,
    "currency": "EUR",
}


class Character(Value):
    """A resident: where they like to go, what they allow, and what makes them a different case."""

    name: str
    favourite: str
    refuses: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    quiet: bool = False
    token: str = "phone"  # the emulator answers tokens that begin with `unregistered-` as FCM would
    lunches: int = 0  # visits around noon in the weeks before, which the brand's backend knows of
    max_per_week: int | None = None
    works: bool = False  # at a desk near the favourite, which they have never visited; has been seen there for weeks


CHARACTERS = (
    Character(name="resident-01", favourite="kluuvi", lunches=18),
    Character(name="resident-02", favourite="kluuvi", lunches=14, traits=("vegetarian",)),
    Character(name="resident-03", favourite="kaisaniemi"),
    Character(name="resident-04", favourite="etelaranta", refuses=("push",)),
    Character(name="resident-05", favourite="kruununhaka", refuses=("location",)),
    Character(name="resident-06", favourite="kaisaniemi", quiet=True),
    Character(name="resident-07", favourite="kluuvi", token="unregistered-phone"),
    Character(name="resident-08", favourite="etelaranta", max_per_week=1),
    Character(name="resident-09", favourite="kruununhaka", refuses=("habits",)),
    Character(name="resident-10", favourite="yrjonkatu"),
    Character(name="resident-11", favourite="kasarmitori"),
    Character(name="resident-12", favourite="kluuvi"),
    Character(name="resident-13", favourite="kaisaniemi", works=True),
)


def store_body(site: Site, town: Town) -> dict[str, Any]:
    """A site as `PUT /v1/stores/{external_id}` wants it."""
    return {
        "name": site.name,
        "latitude": site.latitude,
        "longitude": site.longitude,
        "time_zone": town.time_zone,
        "opening_hours": site.opening_hours,
        "country": town.country,
    }


def fence_body(site: Site) -> dict[str, Any]:
    """The circle around a site as `PUT /v1/geofences/{external_id}` wants it."""
    circle = {
        "type": "circle",
        "center": [site.longitude, site.latitude],
        "radius_m": FENCE_RADIUS_M,
    }
    return {"name": site.name, "store": site.external_id, "shape": circle, "dwell_s": DWELL_S}
