"""One moment, end to end: a device, a consent, a walk into a fence, a decision, a push, and every way to end it."""

import json
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.conftest import PUBLIC_URL
from tests.acceptance.processes import Api, Fcm, House, until
from tests.acceptance.shop import FAR, OFFER, Phone, Shop, fix, now

NewShop = Callable[[str], Shop]


def test_a_walk_into_a_fence_becomes_one_push_that_can_be_explained(
    house: House, url: str, fcm: Fcm
) -> None:
    shop = Shop(house, url, "walk").furnish()
    admin = shop.admin
    admin.put("/v1/customers/guest-1", {"first_name": "Tester"})

    phone = shop.phone("walk-in-1", who="guest-1")
    phone.send(fix(FAR, ago_s=1200))
    before = now()
    phone.walk_in()
    assert phone.delivered() == ["accepted"]

    (post,) = fcm.requests(target="walk-in-1")
    assert (post["project"], post["status"]) == ("town", 200)
    (shown,) = fcm.inbox(target="walk-in-1")
    assert shown["title"] == "Hot soup, Tester?"
    assert shown["body"] == "Kallio is 0 m away."
    decision = phone.decision()
    data = shown["data"]
    assert data["decision_id"] == decision["id"]
    assert data["offer"] == "hot-soup"
    assert data["deep_link"] == OFFER["data"]["deep_link"]
    assert data["explain_url"].startswith(f"{PUBLIC_URL}/why/{decision['id']}/")
    message_id = data["message_id"]
    wire = shown["message"]
    assert wire["android"]["collapse_key"] == message_id
    assert wire["android"]["notification"]["tag"] == message_id
    assert wire["apns"]["headers"]["apns-collapse-id"] == message_id
    ttl_s = int(wire["android"]["ttl"].rstrip("s"))
    assert OFFER["life"]["ttl_s"] - 10 <= ttl_s <= OFFER["life"]["ttl_s"]
    expires = int(wire["apns"]["headers"]["apns-expiration"])
    assert abs(expires - (before.timestamp() + OFFER["life"]["ttl_s"])) < 10
    assert shown["image"] == OFFER["push"]["image"]
    assert wire["android"]["notification"]["channel_id"] == "offers"
    assert wire["apns"]["payload"]["aps"] == {"badge": 1, "mutable-content": 1}
    assert wire["fcm_options"] == {"analytics_label": "hot-soup"}

    assert decision["outcome"] == "send"
    assert decision["moment"] | {"cause": "enter", "store": "kallio"} == decision["moment"]
    assert decision["reasons"][0]["code"] == "chosen"
    assert "Kallio" in decision["reasons"][0]["text"] or decision["reasons"][0]["text"]
    assert decision["reasons"][0]["would_change"]

    audited = admin.get(f"/v1/decisions/{decision['id']}")
    assert audited["message_id"] == message_id
    assert audited["customer"] == "guest-1"
    assert audited["consent_entry_id"] in {
        entry["id"] for entry in phone.api.get("/v1/consents")["data"]
    }
    assert audited["terms"]
    assert audited["inputs"]
    assert audited["propensity"] == 1.0
    message = admin.get(f"/v1/messages/{message_id}")
    assert message["state"] == "sent"
    assert message["deliveries"][0]["provider_id"] == shown["id"]

    told = house.run("why", "guest-1", "--brand", "walk")
    assert told.code == 0
    assert "SEND" in told.out
    assert audited["reasons"][0]["text"] in " ".join(told.out.split("\n    "))
    (row,) = house.run("why", phone.customer_id, "--brand", "walk", "--json").json
    assert row["id"] == decision["id"]

    phone.send(fix())  # staying is no second moment
    time.sleep(1)
    assert len(fcm.requests(target="walk-in-1")) == 1
    assert len(phone.decisions()) == 1


def test_brands_and_keys_made_beside_a_running_service_count_at_once(
    house: House, url: str
) -> None:
    made = house.run("brands", "create", "keyring", "--json").json
    assert made["brand"]["slug"] == "keyring"
    assert made["signing_secret"]
    key = house.run("keys", "create", "--brand", "keyring", "--kind", "secret", "--json").json
    admin = Api(url, key["key"])
    assert admin.get("/v1/stores")["data"] == []

    assert house.run("keys", "revoke", "--brand", "keyring", key["id"]).code == 0

    assert admin("GET", "/v1/stores").status_code == 401


def test_a_silence_says_why_and_posts_nothing(new_shop: NewShop, fcm: Fcm) -> None:
    shop = new_shop("silent")
    phone = shop.phone("silent-1", "location", "habits")

    phone.walk_in()

    decision = phone.decision()
    assert decision["outcome"] == "silence"
    assert decision["reasons"][0]["code"] == "consent_missing"
    assert decision["reasons"][0]["would_change"]
    time.sleep(0.5)
    assert not fcm.requests(target="silent-1")


class TestAWithdrawal:
    def test_no_post_arrives_after_its_answer_however_the_sends_stand(
        self, new_shop: NewShop, fcm: Fcm
    ) -> None:
        """Thirty people walk in and withdraw at once: before, during and after their message leaves."""
        shop = new_shop("racing")
        kinds = ("hang", "slow-700", "slow-50", "race")
        targets = [f"{kinds[n % 4]}-racing-{n}" for n in range(32)]
        phones = shop.phones(targets)

        def enter_and_withdraw(numbered: tuple[int, Phone]) -> datetime:
            """Every eighth withdraws before walking in, so that both sides win some, however fast the machine."""
            number, phone = numbered
            if number % 8 == 0:
                phone.say("push", granted=False)
                answered_at = now()
                phone.walk_in()
                return answered_at
            phone.walk_in()
            time.sleep(number % 8 * 0.15)
            phone.say("push", granted=False)
            return now()

        with ThreadPoolExecutor(16) as pool:
            answered = list(pool.map(enter_and_withdraw, enumerate(phones)))

        time.sleep(2.5)  # what could still start has started
        arrivals = {each["target"]: arrived(each) for each in fcm.requests()}
        late = {
            target: (arrivals[target] - at).total_seconds()
            for target, at in zip(targets, answered, strict=True)
            if target in arrivals and arrivals[target] > at
        }
        assert not late
        assert all(fcm.posts()[target] <= 1 for target in targets)
        posted = sum(target in arrivals for target in targets)
        assert 0 < posted < len(targets), "the race was won by one side throughout"

    def test_of_location_refuses_fixes_and_forgets_the_place(self, new_shop: NewShop) -> None:
        shop = new_shop("unplaced")
        phone = shop.phone("unplaced-1")
        phone.walk_in()
        phone.delivered()
        assert phone.api.get("/v1/me")["last_position"]["stored"]

        phone.say("location", granted=False)

        refused = phone.api("POST", "/v1/locations", {"fixes": [fix().body()]})
        assert refused.status_code == 403
        assert refused.json()["code"] == "consent_missing"
        assert not phone.api.get("/v1/me")["last_position"]["stored"]
        assert phone.decisions()[0]["moment"].get("store") is None
        audited = shop.admin.get(f"/v1/decisions/{phone.decisions()[0]['id']}")
        assert audited["inputs"] is None


class TestWhatWaits:
    """FCM has asked the brand's project to wait, so messages stay in the outbox for some seconds."""

    def test_is_cancelled_by_a_withdrawal_at_once_and_else_sent_when_fcm_allows(
        self, new_shop: NewShop, fcm: Fcm
    ) -> None:
        shop = new_shop("patient")
        busy = shop.phone("quota-8-patient")
        withdraws, stays = shop.phones(["patient-1", "patient-2"])
        busy.walk_in()
        assert busy.delivered() == ["unavailable"]
        for phone in (withdraws, stays):
            phone.walk_in()
            phone.decision()

        withdraws.say("push", granted=False)

        assert withdraws.delivered(within_s=0.5) == ["cancelled"]
        assert not fcm.requests(target="patient-2")
        assert stays.delivered() == ["accepted"]
        ((asked,), (later,)) = (fcm.requests(target=t) for t in ("quota-8-patient", "patient-2"))
        assert (arrived(later) - arrived(asked)).total_seconds() >= 8
        assert not fcm.requests(target="patient-1")

    def test_is_looked_at_again_before_it_leaves(self, new_shop: NewShop, fcm: Fcm) -> None:
        shop = new_shop("halting")
        busy, waits = shop.phones(["quota-8-halting", "halting-1"])
        busy.walk_in()
        assert busy.delivered() == ["unavailable"]
        waits.walk_in()
        decision = waits.decision()
        assert decision["outcome"] == "send"

        shop.admin.put("/v1/engine", {"paused": True})

        assert waits.delivered() == ["cancelled"]
        message_id = shop.admin.get(f"/v1/decisions/{decision['id']}")["message_id"]
        message = shop.admin.get(f"/v1/messages/{message_id}")
        assert (message["state"], message["reason"]) == ("cancelled", "engine_paused")
        assert not fcm.requests(target="halting-1")


class TestAnErasure:
    def test_leaves_nothing_of_the_person_in_any_file(
        self, house: House, new_shop: NewShop, fcm: Fcm
    ) -> None:
        shop = new_shop("erasing")
        name, who, target = "Quintessa", "customer-4711-erasable", "erasing-token-98761234"
        place = (60.184217, 24.949763)
        shop.admin.put(f"/v1/customers/{who}", {"first_name": name})
        phone = shop.phone(target, who=who)
        phone.send(fix(FAR, ago_s=900), fix(place))
        assert phone.delivered() == ["accepted"]
        (shown,) = fcm.inbox(target=target)
        page = Api(shop.url)("GET", urlsplit(shown["data"]["explain_url"]).path)
        assert page.status_code == 200
        assert phone.decisions()[0]["reasons"][0]["text"].split()[0] in page.text
        marks = {
            "token": target.encode(),
            "name": name.encode(),
            "external id": who.encode(),
            "latitude": str(place[0]).encode(),
            "longitude": str(place[1]).encode(),
            "latitude as stored": struct.pack(">d", place[0]),
            "longitude as stored": struct.pack(">d", place[1]),
            "text": shown["title"].encode(),
        }
        assert {"token", "name", "external id", "latitude as stored"} <= found(house, marks)

        erased = phone.api("DELETE", "/v1/me")
        assert erased.status_code == 200, erased.text
        answered = time.monotonic()

        until(lambda: not found(house, marks), within_s=2, what="files without the person")
        assert time.monotonic() - answered <= 2
        assert phone.api("GET", "/v1/me").status_code == 401
        assert shop.admin("GET", f"/v1/customers/{who}").status_code == 404
        gone = Api(shop.url)("GET", urlsplit(shown["data"]["explain_url"]).path)
        assert gone.status_code == 404
        assert (
            shop.admin.get(f"/v1/decisions/{shown['data']['decision_id']}")["customer_id"] is None
        )

    def test_in_mid_send_is_final(self, house: House, new_shop: NewShop, fcm: Fcm) -> None:
        shop = new_shop("midsend")
        targets = [f"slow-1500-midsend-{n}" for n in range(6)]
        phones = shop.phones(targets)
        for phone in phones:
            phone.walk_in()

        answers = []
        for phone in phones:
            assert phone.api("DELETE", "/v1/me").status_code == 200
            answers.append(now())

        time.sleep(2.5)
        arrivals = {each["target"]: arrived(each) for each in fcm.requests()}
        for target, at in zip(targets, answers, strict=True):
            assert target not in arrivals or arrivals[target] <= at
        marks = {target: target.encode() for target in targets}
        assert not found(house, marks)  # no late outcome brought anything back


class TestKeysAndBrands:
    def test_a_test_key_never_reaches_fcm_and_its_customers_are_apart(
        self, new_shop: NewShop, fcm: Fcm
    ) -> None:
        shop = new_shop("rehearsal")
        test_key = shop.key("--kind", "publishable", "--test")
        phone = shop.phone("rehearsal-1", key=test_key, who="actor")

        phone.walk_in()

        assert phone.delivered() == ["accepted"]
        message_id = shop_message(shop, phone, key=shop.key("--kind", "secret", "--test"))
        assert message_id["deliveries"][0]["simulated"] is True
        assert not fcm.requests(target="rehearsal-1")
        assert shop.admin("GET", "/v1/customers/actor").status_code == 404  # the live key's view

    def test_another_brands_key_sees_nothing(self, new_shop: NewShop) -> None:
        shop, other = new_shop("mine"), new_shop("other")
        phone = shop.phone("mine-1", who="guest")
        phone.walk_in()
        phone.delivered()
        decision = phone.decision()
        message_id = shop.admin.get(f"/v1/decisions/{decision['id']}")["message_id"]
        shop.admin.put("/v1/offers/secret-recipe", OFFER)

        for path in (
            "/v1/customers/guest",
            "/v1/customers/guest/decisions",
            "/v1/customers/guest/export",
            "/v1/offers/secret-recipe",
            f"/v1/decisions/{decision['id']}",
            f"/v1/messages/{message_id}",
        ):
            assert shop.admin("GET", path).status_code == 200, path
            assert other.admin("GET", path).status_code == 404, path
        lists = json.dumps(
            [other.admin.get(f"/v1/{kind}") for kind in ("stores", "offers", "keys")]
        )
        assert "secret-recipe" not in lists
        assert other.admin("DELETE", "/v1/customers/guest").status_code == 404
        token = other.proof("guest")
        assert (
            Api(shop.url, shop.app_key)(
                "POST",
                "/v1/devices",
                {
                    "platform": "ios",
                    "target": {"kind": "token", "value": "mine-2"},
                    "customer_token": token,
                },
            ).json()["code"]
            == "customer_token_invalid"
        )


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("unregistered-fate", "unregistered"),
        ("mismatch-fate", "rejected"),
        ("invalid-fate", "rejected"),
        ("lost-fate", "unknown"),
        ("reset-fate", "unknown"),
        ("internal-fate", "unavailable"),
    ],
)
def test_what_fcm_answers_is_what_the_person_reads(
    fates: Shop, fcm: Fcm, target: str, status: str
) -> None:
    phone = fates.phone(target)

    phone.walk_in()

    assert phone.delivered() == [status]
    time.sleep(0.5)
    assert fcm.posts()[target] == 1


def arrived(post: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(post["arrived_at"]))


def found(house: House, marks: dict[str, bytes]) -> set[str]:
    """Which marks the database's files hold, log and all."""
    files = [path for path in Path(house.folder).glob("whenabouts.sqlite3*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    return {name for name, mark in marks.items() if mark in content}


def shop_message(shop: Shop, phone: Phone, *, key: str) -> dict[str, object]:
    """The message of a test customer, which only a test key sees."""
    admin = Api(shop.url, key)
    decision = phone.decision()
    assert shop.admin("GET", f"/v1/decisions/{decision['id']}").status_code == 404
    message: dict[str, object] = admin.get(
        f"/v1/messages/{admin.get('/v1/decisions/' + decision['id'])['message_id']}"
    )
    return message


@pytest.fixture(scope="module")
def fates(house: House, url: str) -> Shop:
    """A shop whose offer has proved itself, so that each message is posted at once."""
    shop = Shop(house, url, "fates").furnish()
    first = shop.phone("first-fate")
    first.walk_in()
    assert first.delivered() == ["accepted"]
    return shop
