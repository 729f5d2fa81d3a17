"""The emulator without HTTP: what phones show, what is remembered, and who may send."""

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.clock import ManualClock
from notifiers.emulator.behaviour import Wire
from notifiers.emulator.fcm import Fcm, Reply
from notifiers.emulator.oauth import JWT_BEARER, account_of, project_of


def send(fcm: Fcm, target: str = "phone-1", *, project: str = "demo", **parts: Any) -> Reply:
    message = {"token": target, "notification": {"title": "Soup", "body": "Hot"}, **parts}
    return fcm.send(project, None, json.dumps({"message": message}).encode())


def titles(fcm: Fcm, **filters: str) -> list[str]:
    return [notification["title"] for notification in fcm.inbox(filters)]


@pytest.fixture
def fcm(clock: ManualClock) -> Fcm:
    return Fcm(clock=clock)


def test_a_phone_shows_what_was_accepted_newest_first(fcm: Fcm, clock: ManualClock) -> None:
    send(fcm, notification={"title": "first"})
    clock.advance(seconds=1)
    reply = send(fcm, notification={"title": "second"})

    assert titles(fcm) == ["second", "first"]
    assert json.loads(reply.body)["name"] == fcm.inbox({})[0]["id"]
    assert fcm.inbox({})[0]["received_at"] == "2026-05-06T09:00:01Z"


@pytest.mark.parametrize(
    "same",
    [
        {"android": {"notification": {"tag": "offer"}}},
        {"android": {"collapse_key": "offer"}},
        {"apns": {"headers": {"apns-collapse-id": "offer"}}},
        {"webpush": {"notification": {"tag": "offer"}}},
        {"webpush": {"headers": {"Topic": "offer"}}},
    ],
    ids=["tag", "collapse_key", "apns-collapse-id", "web tag", "web topic"],
)
def test_a_newer_message_replaces_the_one_with_the_same_name(fcm: Fcm, same: Any) -> None:
    send(fcm, notification={"title": "old"}, **same)
    send(fcm, notification={"title": "new"}, **same)
    send(fcm, "phone-2", notification={"title": "elsewhere"}, **same)

    assert titles(fcm, target="phone-1") == ["new"]
    assert titles(fcm, target="phone-2") == ["elsewhere"]


@pytest.mark.parametrize(
    ("life", "lives_s"),
    [
        ({"android": {"ttl": "60s"}}, 60),
        ({"apns": {"headers": {"apns-expiration": "1778058060"}}}, 60),  # 09:01 UTC
        ({"webpush": {"headers": {"TTL": "60"}}}, 60),
        ({}, 2_419_200),
    ],
    ids=["android", "apns", "web", "four weeks unless told"],
)
def test_a_message_past_its_life_is_not_shown(
    fcm: Fcm, clock: ManualClock, life: Any, lives_s: int
) -> None:
    send(fcm, **life)

    clock.advance(seconds=lives_s - 1)
    assert titles(fcm) == ["Soup"]
    clock.advance(seconds=1)
    assert titles(fcm) == []


def test_a_data_message_shows_nothing_but_was_accepted(fcm: Fcm) -> None:
    fcm.send("demo", None, b'{"message": {"token": "t", "data": {"k": "v"}}}')

    assert titles(fcm) == []
    assert fcm.requests({})[0]["outcome"] == "accepted"


def test_a_dry_run_reaches_no_phone(fcm: Fcm) -> None:
    body = {"validate_only": True, "message": {"token": "t", "notification": {"title": "x"}}}
    reply = fcm.send("demo", None, json.dumps(body).encode())

    assert json.loads(reply.body) == {"name": "projects/demo/messages/fake_message_id"}
    assert titles(fcm) == []
    assert fcm.requests({})[0]["validate_only"]


def test_the_platforms_own_words_win(fcm: Fcm) -> None:
    send(fcm, android={"notification": {"title": "Suppe"}, "data": {"k": "own"}}, data={"k": "all"})

    shown = fcm.inbox({})[0]
    assert (shown["title"], shown["body"], shown["data"]) == ("Suppe", "Hot", {"k": "own"})


@pytest.mark.parametrize(
    "aps", ["text", 5, None, {"alert": "hello"}, {"alert": {"title": "hello"}}]
)
def test_any_apns_payload_is_survived(fcm: Fcm, aps: Any) -> None:
    assert send(fcm, apns={"payload": {"aps": aps}}).status == 200


def test_requests_and_phones_can_be_asked_for_one_project_target_and_time(
    fcm: Fcm, clock: ManualClock
) -> None:
    send(fcm, "a", project="one")
    clock.advance(minutes=1)
    send(fcm, "b", project="two")

    assert [n["target"] for n in fcm.inbox({"project": "two"})] == ["b"]
    assert [r["target"] for r in fcm.requests({"target": "a"})] == ["a"]
    assert [r["target"] for r in fcm.requests({"since": "2026-05-06T09:00:30Z"})] == ["b"]
    with pytest.raises(ValueError, match="offset"):
        fcm.inbox({"since": "2026-05-06T09:00:30"})


def test_memory_is_bounded_and_still_counts(clock: ManualClock) -> None:
    fcm = Fcm(clock=clock, keep=3)

    for number in range(10):
        send(fcm, f"flaky-{number}")
        send(fcm, f"phone-{number}")

    assert [r["target"] for r in fcm.requests({})] == ["phone-8", "flaky-9", "phone-9"]
    assert titles(fcm) == ["Soup"] * 3
    assert fcm.total == 20


def test_a_reset_empties_everything(fcm: Fcm) -> None:
    send(fcm, "flaky-1")
    send(fcm)

    fcm.reset()

    assert (titles(fcm), fcm.requests({}), fcm.total) == ([], [], 0)
    assert send(fcm, "flaky-1").status == 503


@pytest.mark.parametrize(
    ("target", "status", "retry_after"),
    [
        ("unregistered-1", 404, None),
        ("invalid-1", 400, None),
        ("mismatch-1", 403, None),
        ("quota-1", 429, "60"),
        ("quota-7-x", 429, "7"),
        ("unavailable-x", 503, "30"),
        ("unavailable-2-x", 503, "2"),
        ("internal-1", 500, None),
        ("thirdparty-1", 401, None),
        ("badgateway-1", 502, None),
        ("phone-1", 200, None),
        ("quota", 200, None),
        ("unknown-1-x", 200, None),
    ],
)
def test_a_target_asks_for_its_answer(
    fcm: Fcm, target: str, status: int, retry_after: str | None
) -> None:
    reply = send(fcm, target)

    assert reply.status == status
    assert fcm.requests({})[0]["status"] == status
    assert reply.headers.get("Retry-After") == retry_after


def test_a_flaky_target_fails_as_often_as_it_says_and_then_works(fcm: Fcm) -> None:
    assert [send(fcm, "flaky-x").status for _ in range(3)] == [503, 200, 200]
    assert [send(fcm, "flaky-2-x").status for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize(
    ("target", "wire", "outcome", "on_the_phone"),
    [
        ("hang-x", Wire.HANG, "hang", False),
        ("reset-x", Wire.RESET, "reset", False),
        ("lost-x", Wire.LOST, "lost", True),
        ("trickle-x", Wire.TRICKLE, "accepted", True),
        ("slow-250-x", Wire.ANSWER, "accepted", True),
    ],
)
def test_a_target_asks_for_trouble_on_the_wire(
    fcm: Fcm, target: str, wire: Wire, outcome: str, on_the_phone: bool
) -> None:
    reply = send(fcm, target)

    assert (reply.wire, reply.delay_ms) == (wire, 250 if "slow" in target else 0)
    assert fcm.requests({})[0]["outcome"] == outcome
    assert bool(titles(fcm)) is on_the_phone


def test_each_push_is_told_as_it_arrives(clock: ManualClock) -> None:
    told: list[str] = []
    fcm = Fcm(clock=clock, on_push=lambda notification: told.append(notification.target))

    send(fcm, "a")
    send(fcm, "unregistered-b")
    send(fcm, "lost-c")

    assert told == ["a", "lost-c"]


def test_many_threads_lose_no_request(fcm: Fcm) -> None:
    def hundred(name: str) -> None:
        for number in range(100):
            send(fcm, f"{name}{number}")

    threads = [threading.Thread(target=hundred, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fcm.total == len(fcm.requests({})) == len(fcm.inbox({})) == 400


class TestAccess:
    def assertion(self, now: datetime, *, changes: Any = None, alg: str = "RS256") -> str:
        import base64

        claims = {
            "iss": "sender@demo.iam.gserviceaccount.com",
            "aud": "https://oauth2.googleapis.com/token",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 3600,
            **(changes or {}),
        }
        parts = [json.dumps({"alg": alg, "typ": "JWT"}), json.dumps(claims), "signature"]
        return ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)

    def grant(self, fcm: Fcm, assertion: str, grant_type: str = JWT_BEARER) -> tuple[int, Any]:
        from urllib.parse import urlencode

        reply = fcm.token(urlencode({"grant_type": grant_type, "assertion": assertion}).encode())
        return reply.status, json.loads(reply.body)

    def post(self, fcm: Fcm, authorization: str | None, project: str = "demo") -> int:
        return fcm.send(project, authorization, b'{"message": {"token": "t"}}').status

    def test_a_granted_token_opens_its_own_project_for_an_hour(
        self, fcm: Fcm, clock: ManualClock
    ) -> None:
        status, granted = self.grant(fcm, self.assertion(clock.now()))
        bearer = f"Bearer {granted['access_token']}"

        assert (status, granted["token_type"], granted["expires_in"]) == (200, "Bearer", 3599)
        assert self.post(fcm, bearer) == 200
        assert self.post(fcm, bearer, project="other") == 403
        clock.advance(hours=1)
        assert self.post(fcm, bearer) == 401

    def test_a_token_outlives_a_restart_of_the_emulator(self, clock: ManualClock) -> None:
        _, granted = self.grant(Fcm(clock=clock), self.assertion(clock.now()))

        assert self.post(Fcm(clock=clock), f"Bearer {granted['access_token']}") == 200

    @pytest.mark.parametrize("authorization", ["Bearer nonsense", "Bearer a.b", "Basic eDp5", ""])
    def test_any_other_token_is_refused_even_where_none_is_needed(
        self, fcm: Fcm, authorization: str
    ) -> None:
        assert self.post(fcm, authorization) == 401

    def test_no_token_is_refused_where_one_is_needed(self, clock: ManualClock) -> None:
        assert self.post(Fcm(clock=clock, allow_anonymous=False), None) == 401

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"iat": 0}, "invalid_grant"),
            ({"exp": 0}, "invalid_grant"),
            ({"exp": None}, "invalid_grant"),
            ({"aud": "https://fcm.googleapis.com/"}, "invalid_grant"),
            ({"iss": None}, "invalid_grant"),
            ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
        ],
    )
    def test_an_assertion_of_the_wrong_content_is_refused(
        self, fcm: Fcm, clock: ManualClock, changes: Any, error: str
    ) -> None:
        status, body = self.grant(fcm, self.assertion(clock.now(), changes=changes))

        assert (status, body["error"]) == (400, error)

    @pytest.mark.parametrize("assertion", ["", "a", "a.b.c", "e30.e30.e30", "...."])
    def test_what_is_no_assertion_is_refused(self, fcm: Fcm, assertion: str) -> None:
        assert self.grant(fcm, assertion)[0] == 400

    def test_an_assertion_for_an_hour_and_more_or_unsigned_is_refused(
        self, fcm: Fcm, clock: ManualClock
    ) -> None:
        late = clock.now() + timedelta(minutes=11)

        assert self.grant(fcm, self.assertion(late))[0] == 400
        assert self.grant(fcm, self.assertion(clock.now(), alg="none"))[0] == 400
        assert self.grant(fcm, self.assertion(clock.now()), "password")[1] == {
            "error": "unsupported_grant_type",
            "error_description": "Invalid grant_type: password",
        }

    def test_only_a_service_accounts_address_names_a_project(self, clock: ManualClock) -> None:
        assert project_of("x@demo.iam.gserviceaccount.com") == "demo"
        assert project_of("x@demo.example.com") is None
        assert account_of("ya29.e30.", now=clock.now()) is None
