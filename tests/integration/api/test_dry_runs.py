"""Rehearsing an offer: everybody counted once, nothing written, and the numbers those of the engine itself."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import click.testing
import pytest
from click.testing import CliRunner

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.decisions import Cause, Moment
from domain.holdout import draw_of
from domain.ids import new_id
from domain.people import Mode, Purpose
from scheduler.engine import Engine
from service.cli.dry_run import dry_run
from storage import customers, moments
from storage.engine import Database, Transaction
from tests.integration.conftest import Caller, Install, World
from tests.integration.lives import everything

BUNS = {
    "kind": "discount",
    "title": {"en": "Buns"},
    "body": {"en": "Fresh at four."},
    "value": {"margin": 60, "discount": 1.5},
}
OPEN = {
    "holdout_share": 0,
    "exploration": 0,
    "interruption_price": 0,
    "hold": False,
    "caps": {"per_day": None, "per_week": None},
}
STORE = {"name": "Kallio", "latitude": 60.18, "longitude": 24.95, "time_zone": "Europe/Helsinki"}
EVERYTHING = (Purpose.PUSH, Purpose.LOCATION, Purpose.HABITS)
DAY = timedelta(days=1)


class Shop(World):
    """A brand whose policy forbids nothing, with an offer to anybody, and an engine."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.engine = Engine(database=database, clock=clock, weather_max_age=timedelta(minutes=45))
        self.rule()
        self.offer("buns")

    def rule(self, **more: Any) -> None:
        assert self.admin.put("/v1/engine", {**OPEN, **more}).status_code == 200

    def offer(self, name: str, **more: Any) -> None:
        answer = self.admin.put(f"/v1/offers/{name}", {**BUNS, **more})
        assert answer.status_code in (200, 201), answer.json

    def store(self, name: str, **more: Any) -> None:
        assert self.admin.put(f"/v1/stores/{name}", {**STORE, **more}).status_code == 201

    def person(self, *granted: Purpose, **more: Any) -> Install:
        return self.device(*(granted or (Purpose.PUSH,)), time_zone="Europe/Helsinki", **more)

    def ask(self, name: str = "buns", *, by: Caller | None = None, **body: Any) -> Any:
        answer = (by or self.admin).post(f"/v1/offers/{name}/dry-run", body)
        assert answer.status_code == 200, answer.json
        return answer.json

    def meet(self, *people: Install, cause: Cause = Cause.MANUAL) -> None:
        """Each of them has a moment, and the engine decides it."""
        now = self.clock.now()
        due = [
            Moment(
                id=new_id(),
                brand_id=self.brand.id,
                mode=Mode.LIVE,
                customer_id=each.customer_id,
                cause=cause,
                key=new_id(),
                due_at=now,
                expires_at=now + timedelta(hours=1),
            )
            for each in people
        ]
        self.database.write(lambda tx: moments.open_many(tx, due))
        self.engine.tick()

    def past(self, name: str = "buns", **body: Any) -> Any:
        """A dry run over the last three days."""
        self.clock.advance(minutes=1)
        now = self.clock.now()
        window = {"from": (now - 3 * DAY).isoformat(), "to": now.isoformat()}
        return self.ask(name, **window, **body)


@pytest.fixture
def shop(sqlite_database: Database, clock: ManualClock) -> Shop:
    return Shop(sqlite_database, clock)


def reached(answer: Any) -> dict[str, float]:
    return {step["name"]: step["people"] for step in answer["steps"]}


def dropped(answer: Any) -> dict[tuple[str, str], float]:
    return {
        (step["name"], drop["code"]): drop["people"]
        for step in answer["steps"]
        for drop in step["drops"]
    }


def sends(answer: Any) -> float:
    found: float = answer["expected"]["sends"]
    return found


class TestNow:
    def test_everybody_is_counted_once_by_how_far_they_get(self, shop: Shop) -> None:
        shop.person()
        shop.person()
        shop.device(Purpose.HABITS)
        shop.person(push_permission="denied")
        quiet = shop.person()
        hours = {"quiet_hours": [{"from": "00:00", "to": "23:59"}]}
        assert quiet.put("/v1/preferences", hours).status_code in (200, 204)
        answer = shop.ask()
        assert answer["people"] == answer["looked_at"] == 5
        assert answer["causes"] == ["manual"]
        assert dropped(answer) == {
            ("reachable", "consent_missing"): 1,
            ("reachable", "permission_denied"): 1,
            ("allowed", "quiet_hours"): 1,
        }
        assert reached(answer)["sent"] == sends(answer) == 2
        assert answer["sends_by_hour"] == [{"hour": 12, "sends": 2}]

    def test_the_steps_lead_down_to_the_sends(self, shop: Shop) -> None:
        shop.rule(holdout_share=0.5)
        people = [shop.person() for _ in range(20)]
        answer = shop.ask()
        counts = [step["people"] for step in answer["steps"]]
        lost = [sum(drop["people"] for drop in step["drops"]) for step in answer["steps"]]
        assert counts[0] == 20
        assert all(a - b == c for a, b, c in zip(counts, counts[1:], lost[1:], strict=False))
        held = sum(draw_of(shop.brand.id, each.customer_id) < 0.5 for each in people)
        assert dropped(answer) == {("not_held_out", "holdout"): held}

    def test_nothing_is_written(self, shop: Shop) -> None:
        shop.person()
        before = everything(shop.database)
        shop.ask()
        shop.ask(offer=BUNS)
        shop.past()
        assert everything(shop.database) == before

    def test_what_it_foretells_is_what_the_engine_then_does(self, shop: Shop) -> None:
        people = [shop.person() for _ in range(6)]
        shop.offer("bread", audience={"segments_any": ["bakers"]})
        foretold = {name: sends(shop.ask(name)) for name in ("buns", "bread")}
        shop.meet(*people)
        with shop.database.read() as tx:
            told = Counter(row[0] for row in tx.exec_driver_sql("SELECT offer FROM decisions"))
        assert foretold == {"buns": told["buns"], "bread": told["bread"]} == {"buns": 6, "bread": 0}

    def test_a_better_offer_takes_the_place(self, shop: Shop) -> None:
        shop.person()
        shop.offer("feast", value={"margin": 600, "discount": 1.5})
        answer = shop.ask()
        assert dropped(answer) == {("best", "other_offer"): 1}
        [lost] = answer["steps"][6]["drops"]
        assert lost["of"] == "feast"
        assert sends(shop.ask("feast")) == 1

    def test_an_offer_that_costs_more_than_it_brings_is_not_worth_it(self, shop: Shop) -> None:
        shop.person()
        answer = shop.ask(offer={**BUNS, "value": {"margin": 1, "discount": 5}})
        assert dropped(answer) == {("worth_it", "not_worth_it"): 1}
        [example] = answer["examples"]
        assert example["step"] == "worth_it"
        assert example["reasons"][0]["account"]

    def test_a_draft_need_not_be_stored_and_is_not_stored(self, shop: Shop) -> None:
        shop.person()
        answer = shop.ask("cake", offer={**BUNS, "value": {"margin": 600}})
        assert (sends(answer), answer["revision"]) == (1, None)
        assert shop.admin.get("/v1/offers/cake").status_code == 404

    def test_a_draft_stands_for_the_stored_offer(self, shop: Shop) -> None:
        shop.person()
        answer = shop.ask(offer={**BUNS, "active": False})
        assert dropped(answer) == {("eligible", "offer_inactive"): 1}
        assert shop.ask()["revision"] == 1

    def test_a_limit_is_kept_over_all_who_would_get_it(self, shop: Shop) -> None:
        for _ in range(5):
            shop.person()
        answer = shop.ask(offer={**BUNS, "limits": {"stock": 2}})
        assert sends(answer) == reached(answer)["sent"] == 2
        assert dropped(answer) == {("sent", "sold_out"): 3}

    def test_the_money_is_that_of_the_decisions(self, shop: Shop) -> None:
        shop.rule(interruption_price=0.01)
        for _ in range(3):
            shop.person()
        told = shop.ask()["expected"]
        assert told["redemptions"] == pytest.approx(told["discount"] / 1.5)
        assert told["margin"] == pytest.approx(told["incremental_visits"] * 60)
        assert told["interruption"] == pytest.approx(0.01 * (3 - told["redemptions"]))
        whole = told["margin"] - told["discount"] + told["worth"] - told["interruption"]
        assert told["gain"] == pytest.approx(whole)

    def test_an_enter_is_made_up_at_the_door(self, shop: Shop) -> None:
        shop.store("kallio")
        shop.store("vantaa", latitude=60.29)
        place = {"within_m": 100, "via": ["enter", "habit"]}
        shop.offer("soup", when={"place": place}, value={"margin": 600})
        shop.person(*EVERYTHING)
        shop.person(Purpose.PUSH)
        answer = shop.ask("soup")
        assert answer["causes"] == ["enter", "habit"]
        assert sends(answer) == 1
        assert [
            (drop["code"], drop["of"]) for step in answer["steps"] for drop in step["drops"]
        ] == [("consent_missing", "location")]

    def test_what_is_sensitive_has_the_moments_of_any_other_offer(self, shop: Shop) -> None:
        shop.store("kallio")
        place = {"within_m": 100, "via": ["enter"]}
        about = {"categories": ["wine"]}
        shop.offer(
            "wine", when={"place": place}, value={"margin": 600}, about=about, sensitive=True
        )
        shop.person(*EVERYTHING)
        fond = shop.person(*EVERYTHING)
        assert fond.put("/v1/preferences", {"interests": ["wine"]}).status_code == 200
        answer = shop.ask("wine")
        assert answer["causes"] == ["enter"]
        assert dropped(answer) == {("eligible", "sensitive"): 1}
        assert sends(answer) == 1

    def test_a_win_back_is_for_those_who_slip(self, shop: Shop) -> None:
        shop.offer("back", kind="win_back")
        shop.person(*EVERYTHING)
        answer = shop.ask("back")
        assert answer["causes"] == ["slipping"]
        assert dropped(answer) == {("at_a_moment", "no_moment"): 1}

    def test_a_slot_is_the_next_that_is_free(self, shop: Shop) -> None:
        shop.store("kallio")
        shop.offer("chair", kind="slot")
        shop.person(*EVERYTHING)
        assert dropped(shop.ask("chair")) == {("eligible", "slot_full"): 1}
        later = shop.clock.now() + timedelta(hours=3)
        slot = {
            "id": "s1",
            "store": "kallio",
            "service": "cut",
            "starts_at": later.isoformat(),
            "ends_at": (later + timedelta(hours=1)).isoformat(),
            "capacity": 1,
        }
        assert shop.admin.put("/v1/slots", {"slots": [slot]}).status_code == 200
        assert sends(shop.ask("chair")) == 1

    def test_a_text_that_cannot_be_made_is_told(self, shop: Shop) -> None:
        shop.person()
        answer = shop.ask(offer={**BUNS, "body": {"en": "Only {{ distance_m }} m away"}})
        assert dropped(answer) == {("eligible", "no_text"): 1}

    def test_a_sample_is_scaled_up_with_limits(self, shop: Shop) -> None:
        def work(tx: Transaction) -> None:
            for _ in range(300):
                customers.anonymous(
                    tx, brand_id=shop.brand.id, mode=Mode.LIVE, now=shop.clock.now()
                )

        shop.database.write(work)
        answer = shop.ask(sample=150)
        assert answer["people"] == 300
        assert 110 < answer["looked_at"] < 190
        assert dropped(answer) == {("reachable", "consent_missing"): pytest.approx(300)}
        everyone, last = answer["steps"][0], answer["steps"][-1]
        assert everyone["low"] <= 300 <= everyone["high"] + 1e-9
        assert (last["people"], last["low"]) == (0, 0)
        assert 0 < last["high"] < 15

    def test_test_customers_stand_apart(self, shop: Shop) -> None:
        shop.person()
        assert shop.ask()["people"] == 1
        tester = shop.key(shop.brand, CredentialKind.SECRET, Scope.ADMIN, mode=Mode.TEST)
        answer = shop.ask(by=tester)
        assert (answer["mode"], answer["people"], sends(answer)) == ("test", 0, 0)


class TestThePast:
    def test_real_moments_are_decided_again_with_the_draft(self, shop: Shop) -> None:
        people = [shop.person() for _ in range(3)]
        shop.person()
        shop.meet(*people)
        cake = {**BUNS, "value": {"margin": 600}}
        answer = shop.past("cake", offer=cake)
        assert dropped(answer) == {("at_a_moment", "no_moment"): 1}
        assert (sends(answer), answer["causes"]) == (3, [])
        found = answer["moments"]
        assert (found["all"], found["displaced"]) == (3, 3)
        assert (found["redacted"], found["pruned"], found["failed"]) == (0, 0, 0)
        assert [example["code"] for example in answer["examples"]][:1] == ["chosen"]

    def test_the_stored_offer_comes_out_as_it_was(self, shop: Shop) -> None:
        people = [shop.person() for _ in range(3)]
        for _ in range(3):
            shop.meet(*people)
            shop.clock.advance(hours=4)
        answer = shop.past()
        assert sends(answer) == 9
        assert answer["sends_by_hour"] == [{"hour": hour, "sends": 3} for hour in (12, 16, 20)]

    def test_its_own_sends_count_for_the_distance_between_two(self, shop: Shop) -> None:
        person = shop.person()
        for _ in range(3):
            shop.meet(person)
            shop.clock.advance(hours=20)
        draft = {**BUNS, "limits": {"per_customer_days": 1}}
        assert sends(shop.past(offer=draft)) == 2
        assert sends(shop.past(offer={**BUNS, "limits": {"per_day": 1, "total": 2}})) == 2

    def test_its_sends_count_for_the_caps_of_that_time(self, shop: Shop) -> None:
        shop.rule(caps={"per_day": None, "per_week": 2})
        shop.offer("buns", value={"margin": 0, "discount": 9})
        person = shop.person()
        for _ in range(4):
            shop.meet(person)
            shop.clock.advance(hours=4)
        assert sends(shop.past("cake", offer=BUNS)) == 2

    def test_what_was_redacted_is_skipped_and_counted(self, shop: Shop) -> None:
        stays, silent, gone = (shop.person(*EVERYTHING) for _ in range(3))
        shop.meet(stays, silent, gone)
        shop.say(silent, Purpose.HABITS, granted=False)
        erased = gone.delete("/v1/me")
        assert erased.status_code in (200, 202, 204), erased.json
        answer = shop.past()
        assert sends(answer) == 1
        assert dropped(answer) == {("at_a_moment", "redacted"): 1}
        assert answer["moments"]["redacted"] == 2
        assert answer["moments"]["of_erased"] == 1


class TestAsking:
    def test_lines_tell_the_progress_and_the_result_at_last(self, shop: Shop) -> None:
        shop.person()
        lines = {"Accept": "application/x-ndjson"}
        answer = shop.admin.post("/v1/offers/buns/dry-run", {}, headers=lines)
        assert answer.mimetype == "application/x-ndjson"
        first, last = map(json.loads, answer.text.splitlines())
        assert first == {"type": "progress", "done": 1, "of": 1}
        assert last.pop("type") == "result"
        assert last == shop.ask()

    def test_a_body_may_be_absent(self, shop: Shop) -> None:
        assert shop.admin.post("/v1/offers/buns/dry-run").status_code == 200

    def test_seats_are_given_back(self, shop: Shop) -> None:
        for _ in range(4):
            headers = {"Accept": "application/x-ndjson"}
            shop.admin.post("/v1/offers/buns/dry-run", {}, headers=headers).close()
        assert shop.admin.post("/v1/offers/buns/dry-run", {}).status_code == 200

    def test_bad_input_is_named(self, shop: Shop) -> None:
        first, second = "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"
        for body, pointer in (
            ({"from": first}, "/to"),
            ({"to": first}, "/from"),
            ({"from": second, "to": first}, "/from"),
            ({"from": second, "to": "2030-05-01T00:00:00Z"}, "/to"),
            ({"offer": {**BUNS, "kind": "x"}}, "/offer/kind"),
            ({"offer": {**BUNS, "stores": ["nowhere"]}}, "/offer/stores/0"),
            ({"offer": {**BUNS, "title": {"en": "{{ x"}}}, "/offer/title/en"),
            ({"sample": 3}, "/sample"),
            ({"when": "now"}, "/when"),
        ):
            answer = shop.admin.post("/v1/offers/buns/dry-run", body)
            assert answer.status_code == 422
            assert [error["pointer"] for error in answer.json["errors"]] == [pointer]

    def test_only_an_admin_of_this_brand_may_ask(self, shop: Shop) -> None:
        reader = shop.key(shop.brand, CredentialKind.SECRET, Scope.READ)
        other = shop.key(shop.add_brand("other"), CredentialKind.SECRET, Scope.ADMIN)
        assert reader.post("/v1/offers/buns/dry-run", {}).status_code == 403
        assert other.post("/v1/offers/buns/dry-run", {}).status_code == 404
        assert shop.admin.post("/v1/offers/none/dry-run", {}).status_code == 404


def test_on_both_databases_the_same_comes_out(database: Database, clock: ManualClock) -> None:
    shop = Shop(database, clock)
    people = [shop.person(*EVERYTHING) for _ in range(4)]
    assert sends(shop.ask()) == 4
    shop.meet(*people)
    answer = shop.past("cake", offer={**BUNS, "value": {"margin": 600}})
    assert (sends(answer), answer["moments"]["displaced"]) == (4, 4)


class TestTheCommand:
    def run(self, shop: Shop, *arguments: str) -> click.testing.Result:
        url = shop.database.url.render_as_string(hide_password=False)
        return CliRunner(env={"WHENABOUTS_DATABASE_URL": url}).invoke(dry_run, arguments)

    def test_it_tells_the_same(self, shop: Shop, tmp_path: Path) -> None:
        shop.person()
        draft = tmp_path / "cake.json"
        draft.write_text(json.dumps({**BUNS, "value": {"margin": 600}}))
        told = self.run(shop, "cake", "--draft", str(draft), "--json")
        assert told.exit_code == 0, told.output
        assert json.loads(told.stdout)["expected"]["sends"] == 1
        assert "1 sends" in self.run(shop, "buns").stdout

    @pytest.mark.parametrize("body", ["[", "[]", '{"kind": "x"}', "[" * 100_000])
    def test_a_wrong_draft_ends_with_2(self, shop: Shop, tmp_path: Path, body: str) -> None:
        draft = tmp_path / "cake.json"
        draft.write_text(body)
        assert self.run(shop, "cake", "--draft", str(draft)).exit_code == 2

    def test_an_unknown_offer_ends_with_1(self, shop: Shop) -> None:
        assert self.run(shop, "none").exit_code == 1
