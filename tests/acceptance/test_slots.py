"""A free hour in a salon, over real HTTP: the best is asked, then the next, until a reservation takes it."""

from datetime import datetime, timedelta
from typing import Any

from domain.ids import new_id
from tests.acceptance.processes import PATIENCE_S, Fcm, House, until
from tests.acceptance.shop import Phone, Shop, now

KEPT_S = 8  # long enough to look at everything meanwhile, also on a loaded machine
CHAIR = {
    "kind": "slot",
    "title": {"en": "{{ slot.service | capitalize }} at {{ store.name }}?"},
    "body": {"en": "A chair is free for {{ slot.price | currency }}."},
    "about": {"services": ["haircut"]},
    "value": {"margin": 25.0},
    "stores": [],
    "when": {},
    "life": {"ttl_s": KEPT_S},
}


def test_a_free_hour_asks_one_after_the_other_until_somebody_takes_it(
    house: House, url: str, fcm: Fcm
) -> None:
    shop = Shop(house, url, "salon").furnish(**CHAIR)
    regular, rare, stranger = (guest(shop, name, n) for name, n in (("a", 6), ("b", 2), ("c", 0)))
    starts = now() + timedelta(days=1)
    shop.admin.put("/v1/slots", {"slots": [chair(starts)]})

    assert regular.delivered() == ["accepted"]
    (shown,) = fcm.inbox(target="chair-a")
    assert (shown["title"], shown["body"]) == ("Haircut at Kallio?", "A chair is free for €39.00.")
    (decision,) = regular.decisions()
    assert decision["moment"]["cause"] == "slot"
    assert slot(shop)["promised"] == 1
    assert rare.decisions() == stranger.decisions() == []

    assert rare.delivered() == ["accepted"]
    assert slot(shop)["promised"] == 1
    tell(shop, "b", "reservation", slot="chair-1", store="kallio", service="haircut")
    taken = slot(shop)
    assert (taken["filled"], taken["promised"], taken["free"]) == (1, 0, 0)

    until(
        lambda: now() > asked_at(rare) + timedelta(seconds=KEPT_S + 2),
        within_s=PATIENCE_S,
        what="time",
    )
    assert stranger.decisions() == []
    assert len(fcm.requests(target="chair-a")) == len(fcm.requests(target="chair-b")) == 1


def guest(shop: Shop, name: str, haircuts: int) -> Phone:
    """Somebody who had so many haircuts, one every four weeks."""
    phone = shop.phone(f"chair-{name}", who=name)
    for n in range(haircuts):
        at = now() - timedelta(days=28 * (n + 1))
        tell(shop, name, "order", at=at, service="haircut", store="kallio")
    return phone


def chair(starts: Any) -> dict[str, Any]:
    return {
        "id": "chair-1",
        "store": "kallio",
        "service": "haircut",
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=1)).isoformat(),
        "capacity": 1,
        "price": 39,
    }


def tell(shop: Shop, who: str, type: str, *, at: Any = None, **more: Any) -> None:
    event = {"event_id": new_id(), "type": type, "customer": who, **more}
    event["occurred_at"] = (at or now()).isoformat()
    assert shop.admin.post("/v1/events", {"events": [event]})["accepted"] == 1


def slot(shop: Shop) -> Any:
    [found] = shop.admin.get("/v1/slots")["data"]
    return found


def asked_at(phone: Phone) -> Any:
    return datetime.fromisoformat(phone.decisions()[0]["decided_at"])
