"""No sequence of inputs, clock changes or engines side by side yields a push that a guard forbids.

People, brand and clock do what they like; engines decide, alone or at once, and a sender sends. Every POST is judged by what
is written down here of the rules, not by the rules' own code.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from domain.clock import ManualClock
from domain.decisions import Cause
from domain.events import Event
from domain.ids import new_id
from domain.messages import DeliveryStatus, Envelope, MessageState, Outcome
from domain.offers import Limits, OfferKind
from domain.people import Device, Mode, Permission, Preferences, Purpose, QuietHours
from domain.policy import Brand, Cap, Caps, Policy
from notifiers.base import Notifier
from scheduler import recheck
from scheduler.dispatch import Dispatcher
from storage import customers, erasure, events
from storage.engine import Database
from storage.events import StoredEvent
from storage.models import DecisionRow, DeviceRow, MessageRow, MomentRow
from tests.integration.stage import ALLOWED, OPEN, Stage

WEEK = timedelta(days=7)
NEEDS = {Cause.ENTER: Purpose.LOCATION, Cause.HABIT: Purpose.HABITS, Cause.MANUAL: Purpose.PUSH}
KINDS = {"soup": OfferKind.DISCOUNT, "cake": OfferKind.DISCOUNT, "news": OfferKind.INFORMATION}
LIMITS = {"soup": Limits(per_customer_days=2), "cake": Limits(total=3), "news": Limits()}
BEGINNINGS = (  # a plain noon, and the nights in which Helsinki's clocks go forward and back
    datetime(2026, 5, 6, 9, 0, tzinfo=UTC),
    datetime(2026, 3, 28, 23, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 23, 0, tzinfo=UTC),
)
SPANS = (QuietHours(from_="22:00", to="07:00"), QuietHours(from_="03:15", to="03:45"))
WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"quiet_hours": SPANS[:1]},
    {"quiet_hours": SPANS[1:], "max_per_week": 2},
    {"pause": timedelta(hours=5)},
    {"max_per_week": 0},
    {"max_per_week": 1},
    {"muted_kinds": ("discount",)},
    {"muted_kinds": ("information",)},
)
ORDERS: tuple[dict[str, Any], ...] = (
    {},
    {"paused": True},
    {"quiet_hours": SPANS[:1]},
    {"quiet_hours": SPANS[1:]},
    {"holdout_share": 1.0},
    {"exploration": 0.5},
    *({"caps": Caps(per_day=day, per_week=None)} for day in (0, 1, 2)),
    *({"caps": Caps(per_day=None, per_week=week)} for week in (0, 1, 3)),
    {"caps": Caps(per_day=None, per_week=None, kinds={OfferKind.DISCOUNT: Cap(per_day=1)})},
    {"caps": Caps(per_day=None, per_week=None, kinds={OfferKind.DISCOUNT: Cap(per_week=1)})},
)
WHO = st.integers(0, 1)
CAUSES = st.sampled_from(sorted(NEEDS))
CHANGES: tuple[tuple[str, Any], ...] = (
    ("", None),
    ("", None),
    *(("prefer", wish) for wish in WISHES),
    *(("order", orders) for orders in ORDERS),
    *(("withdraw", purpose) for purpose in ALLOWED),
    *(("offered", (name, active)) for name in KINDS for active in (False, True)),
    *(("answer", who) for who in (0, 1)),
    ("leave", 0),
)
ZONES = ("Europe/Helsinki", "America/New_York", "Mars/Olympus")


class _Posts:
    """Takes every POST."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    def send(self, envelope: Envelope) -> Outcome:
        self.taken.append(envelope)
        return Outcome(status=DeliveryStatus.ACCEPTED)

    def close(self) -> None:
        pass


class _Posted(msgspec.Struct):
    """What a phone has got."""

    offer: str
    decided_at: datetime


class _Person:
    """What is allowed of one person, as they and their phone said it."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.consents = set(ALLOWED)
        self.preferences = Preferences()
        self.permission = Permission.UNKNOWN
        self.zone: str | None = None
        self.refused: dict[str, datetime] = {}
        self.gone = False
        self.got: list[_Posted] = []

    def clock(self) -> ZoneInfo:
        return ZoneInfo(self.zone if self.zone in ZONES[:2] else "Europe/Helsinki")


class Guarded(RuleBasedStateMachine):
    """One brand, two people, two engines and a sender."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.clock = ManualClock(BEGINNINGS[0])
        self.stage = _Stage(database, self.clock)
        self.engines = [self.stage.engine, self.stage.add_engine(batch=2)]
        self.people = [_Person(self.stage.person()) for _ in range(2)]
        self.policy: Policy = OPEN
        self.offered = dict.fromkeys(KINDS, True)
        self.posted: set[tuple[str, str]] = set()
        for name in KINDS:
            self._offer(name)

    @initialize(begins=st.sampled_from(BEGINNINGS))
    def begin(self, begins: datetime) -> None:
        self.clock.set(begins)
        for person in self.people:
            self._say(person, set(ALLOWED), granted=True)

    # what people do

    @rule(who=WHO, purpose=st.sampled_from(ALLOWED), granted=st.booleans())
    def consent(self, who: int, purpose: Purpose, granted: bool) -> None:
        self.clock.advance(seconds=1)  # a grant counts only after every withdrawal
        self._say(self.people[who], {purpose}, granted=granted)

    def _prefer(self, wish: dict[str, Any]) -> None:
        """What everybody sets for themselves; a pause counts from now."""
        until = self.clock.now() + wish.get("pause", timedelta())
        rest = {name: value for name, value in wish.items() if name != "pause"}
        wanted = Preferences(paused_until=until, **rest)
        for person in self.people:
            person.preferences, whose = wanted, person.device.customer_id
            if not person.gone:
                self.stage.write(
                    partial(customers.save_preferences, customer_id=whose, wanted=wanted)
                )

    @rule(
        who=WHO,
        permission=st.sampled_from([Permission.GRANTED, *Permission]),
        zone=st.sampled_from([None, *ZONES]),
    )
    def phone(self, who: int, permission: Permission, zone: str | None) -> None:
        person = self.people[who]
        person.permission, person.zone = permission, zone
        change = sa.update(DeviceRow).where(DeviceRow.id == person.device.id)
        wanted = change.values(push_permission=permission, time_zone=zone)
        self.stage.write(lambda tx: tx.execute(wanted) and None)

    def _answer(self, who: int) -> None:
        """That the newest push was not for them."""
        person = self.people[who]
        if person.gone or not person.got:
            return
        offer, now = person.got[-1].offer, self.clock.now()
        person.refused[offer] = now
        query = sa.select(DecisionRow.id).where(
            DecisionRow.customer_id == person.device.customer_id, DecisionRow.offer == offer
        )
        with self.stage.database.read() as tx:
            about = tx.execute(query.limit(1)).scalar_one()
        self.stage.refuse(person.device, about)

    def _leave(self, who: int) -> None:
        person = self.people[who]
        if not any(each.gone for each in self.people):
            whose, now = person.device.customer_id, self.clock.now()
            self.stage.write(lambda tx: erasure.erase(tx, whose, now=now))
            person.gone = True

    def _moment(self, who: int, cause: Cause) -> None:
        if not self.people[who].gone:
            store = self.stage.store.id if cause is Cause.ENTER else None
            self.stage.moment(self.people[who].device, cause, store_id=store)

    @rule(
        who=WHO,
        cause=CAUSES,
        minutes=st.sampled_from([0, 61, 200, 1500]),
        engine=st.integers(0, 1),
        meanwhile=st.sampled_from(CHANGES),
    )
    def come(
        self, who: int, cause: Cause, minutes: int, engine: int, meanwhile: tuple[str, Any]
    ) -> None:
        """A moment that is decided, and what happens before its push, if any, can leave."""
        self.clock.advance(minutes=minutes)
        self._moment(who, cause)
        self._tick(engine)
        what, how = meanwhile
        getattr(self, f"_{what}")(how) if what else None

    # what the brand does

    def _order(self, orders: dict[str, Any]) -> None:
        self.policy = msgspec.structs.replace(OPEN, **orders)
        self.stage.rule(self.policy)

    def _offered(self, how: tuple[str, bool]) -> None:
        name, active = how
        self.offered[name] = active
        self._offer(name)

    # what time does

    @rule(hours=st.sampled_from([-200, -1, 0.4, 0.9, 9, 200]))
    def jump(self, hours: float) -> None:
        """The clock is put forward or back."""
        self.clock.advance(hours=hours)

    # what the service does

    def _tick(self, engine: int) -> None:
        before = self._decided()
        self.engines[engine].tick()
        self._judge_decisions(before)

    @rule(causes=st.lists(CAUSES, min_size=2, max_size=4))
    def engines_at_once(self, causes: list[Cause]) -> None:
        for number, cause in enumerate(causes):
            self._moment(number % 2, cause)
        before = self._decided()
        threads = [threading.Thread(target=engine.tick) for engine in self.engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._judge_decisions(before)

    @invariant()
    def dispatch(self) -> None:
        """After whatever happened."""
        posts = _Posts()
        sender = Dispatcher(
            database=self.stage.database,
            clock=self.clock,
            check=recheck.reasons_against,
            route=lambda brand, mode: _way(posts, brand, mode),
            concurrency=8,
        )
        try:
            while sender.tick():
                pass
        finally:
            assert sender.close(within_s=60)
        for envelope in posts.taken:
            self._judge_post(envelope)

    def teardown(self) -> None:
        self.stage.clear()

    # what must hold

    def _judge_post(self, envelope: Envelope) -> None:
        person = self._addressed(envelope)
        key = envelope.message_id, envelope.target.value
        assert key not in self.posted, "the same message twice"
        self.posted.add(key)
        decision = self._decision(envelope.push.data["decision_id"])
        now, kind = self.clock.now(), KINDS[decision.offer]
        local, today = _local(person, now), _local(person, now).date()
        assert not person.gone
        assert not self.policy.paused
        assert self.offered[decision.offer]
        assert {Purpose.PUSH, NEEDS[Cause(decision.cause)]} <= person.consents
        assert person.permission is not Permission.DENIED
        assert now < envelope.expires_at
        until = person.preferences.paused_until
        assert until is None or until <= now
        assert kind.value not in person.preferences.muted_kinds
        refused = person.refused.get(decision.offer)
        assert refused is None or now - refused > timedelta(days=180)
        spans = (*self.policy.quiet_hours, *person.preferences.quiet_hours)
        assert not any(_holds(span, local.time()) for span in spans), local
        week = [each for each in person.got if each.decided_at > now - WEEK]
        for most in (self.policy.caps.per_week, person.preferences.max_per_week):
            assert most is None or len(week) < most
        days = [each for each in person.got if _local(person, each.decided_at).date() == today]
        per_day = self.policy.caps.per_day
        assert per_day is None or len(days) < per_day
        self._judge_limits(person, decision)
        person.got.append(_Posted(offer=decision.offer, decided_at=decision.decided_at))

    def _judge_limits(self, person: _Person, decision: Any) -> None:
        same = [each for each in person.got if each.offer == decision.offer]
        if decision.offer == "soup":
            apart = [abs(each.decided_at - decision.decided_at) for each in same]
            assert all(each >= timedelta(days=2) for each in apart)
        everybody = sum(each.offer == "cake" for one in self.people for each in one.got)
        assert decision.offer != "cake" or everybody < 3

    def _judge_decisions(self, before: set[str]) -> None:
        """What is asked at the decision alone: the holdout, and the caps per kind."""
        sends = self._sends()
        for number, new in enumerate(sends):
            if new.id in before:
                continue
            assert self.policy.holdout_share == 0
            cap = self.policy.caps.kinds.get(KINDS[new.offer])
            if cap is None:
                continue
            person = self._whose(new.customer_id)
            mine = [each for each in sends[:number] if each.customer_id == new.customer_id]
            kind = [each for each in mine if KINDS[each.offer] is KINDS[new.offer]]
            today = _local(person, new.decided_at).date()
            days = [each for each in kind if _local(person, each.decided_at).date() == today]
            week = [each for each in kind if each.decided_at > new.decided_at - WEEK]
            assert cap.per_day is None or len(days) < cap.per_day
            assert cap.per_week is None or len(week) < cap.per_week

    # how it is looked up

    def _offer(self, name: str) -> None:
        self.stage.offer(name, kind=KINDS[name], limits=LIMITS[name], active=self.offered[name])

    def _withdraw(self, purpose: Purpose) -> None:
        for person in self.people:
            self._say(person, {purpose}, granted=False)

    def _say(self, person: _Person, purposes: set[Purpose], *, granted: bool) -> None:
        if person.gone:
            return
        self.stage.say(person.device.customer_id, *purposes, granted=granted)
        person.consents = self.stage.granted(person.device.customer_id)
        assert granted or not purposes & person.consents

    def _addressed(self, envelope: Envelope) -> _Person:
        value = envelope.target.value
        [found] = [
            one for one in self.people if one.device.target and one.device.target.value == value
        ]
        return found

    def _whose(self, customer_id: str) -> _Person:
        [found] = [one for one in self.people if one.device.customer_id == customer_id]
        return found

    def _decided(self) -> set[str]:
        return {each.id for each in self._sends()}

    def _decision(self, decision_id: str) -> Any:
        [found] = [each for each in self._sends() if each.id == decision_id]
        return found

    def _sends(self) -> Sequence[Any]:
        """All decisions to send that may have been seen, in their order."""
        unseen = ("cancelled", "expired", "failed")
        query = (
            sa.select(DecisionRow.__table__)
            .join(MessageRow, MessageRow.decision_id == DecisionRow.id)
            .where(DecisionRow.brand_id == self.stage.brand.id, MessageRow.state.not_in(unseen))
        )
        with self.stage.database.read() as tx:
            return tx.execute(query.order_by(DecisionRow.id)).all()


class _Stage(Stage):
    """A brand of its own, so that many may share a database."""

    def add_brand(self, slug: str) -> Brand:
        return super().add_brand(f"{slug}-{new_id()}")

    def refuse(self, device: Device, decision_id: str) -> None:
        """The answer that a push was not for them."""
        event = StoredEvent(
            event=Event(
                event_id=new_id(),
                type="not_for_me",
                occurred_at=self.clock.now(),
                decision_id=decision_id,
            ),
            brand_id=self.brand.id,
            mode=Mode.LIVE,
            customer_id=device.customer_id,
            device_id=device.id,
        )
        self.write(lambda tx: events.add(tx, [event], now=self.clock.now()))

    def clear(self) -> None:
        """Leaves nothing to decide or to send to who comes next."""
        moments = sa.delete(MomentRow).where(MomentRow.brand_id == self.brand.id)
        queued = MessageRow.brand_id == self.brand.id, MessageRow.state == MessageState.QUEUED
        messages = sa.update(MessageRow).where(*queued).values(state=MessageState.CANCELLED)
        self.write(lambda tx: tx.execute(moments) and tx.execute(messages) and None)


def _way(posts: Notifier, brand: Brand, mode: Mode) -> tuple[str, Notifier]:
    return "p", posts


def _local(person: _Person, at: datetime) -> datetime:
    return at.astimezone(person.clock())


def _holds(span: QuietHours, at: time) -> bool:
    begins, ends = time.fromisoformat(span.from_), time.fromisoformat(span.to)
    return begins <= at < ends if begins < ends else at >= begins or at < ends


@pytest.mark.parametrize(("on", "many"), [("sqlite", 16), ("postgres", 5)])
def test_no_sequence_of_inputs_yields_a_push_that_a_guard_forbids(
    on: str, many: int, request: pytest.FixtureRequest
) -> None:
    database: Database = request.getfixturevalue(f"{on}_database")
    run_state_machine_as_test(
        lambda: Guarded(database),  # type: ignore[arg-type]  # Hypothesis only calls it
        settings=settings(
            max_examples=many,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
