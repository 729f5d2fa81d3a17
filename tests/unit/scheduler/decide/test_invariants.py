"""No input yields a send that a guard forbids. The rules are written here a second time, as plainly as can be."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.context import Candidate, Context, Likely, Reach, Sky
from domain.decisions import Cause, Outcome
from domain.offers import (
    Audience,
    Life,
    Limits,
    Offer,
    OfferKind,
    PlaceCondition,
    WeatherCondition,
    WeatherWord,
    When,
)
from domain.people import Preferences, Purpose, QuietHours
from domain.policy import Caps, Policy
from scheduler.decide.choose import decide
from scheduler.decide.score import Model
from tests.unit.scheduler.decide.makers import offer

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
ZONES = ("Europe/Helsinki", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# Often the night of a clock change, else any time of the year.
instants = st.one_of(
    st.integers(0, 365 * 24 * 60).map(lambda m: YEAR + timedelta(minutes=m)),
    st.integers(0, 12 * 60).map(
        lambda m: datetime(2026, 3, 28, 20, tzinfo=UTC) + timedelta(minutes=m)
    ),
    st.integers(0, 12 * 60).map(
        lambda m: datetime(2026, 10, 24, 20, tzinfo=UTC) + timedelta(minutes=m)
    ),
)
wall_times = st.times().map(lambda t: f"{t:%H:%M}")
spans = st.builds(
    QuietHours,
    from_=wall_times,
    to=wall_times,
    days=st.lists(st.sampled_from(DAYS), unique=True, max_size=3).map(tuple),
)
few_spans = st.lists(spans, max_size=2).map(tuple)
words = st.sampled_from(list(WeatherWord))
caps = st.integers(0, 2)
names = st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2).map(tuple)


class Maker:
    """Draws scenes in which most things are fine, so that many end in a send and each rule is met on its own."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def mostly(self, fine: Any, odd: st.SearchStrategy[Any]) -> Any:
        return self._draw(odd) if self._draw(st.integers(0, 11)) == 0 else fine

    def offer(self, name: str, now: datetime) -> tuple[Offer, Candidate]:
        weather = st.builds(
            WeatherCondition,
            any=st.lists(words, max_size=2).map(tuple),
            temperature_below=st.one_of(st.none(), st.floats(-10, 30)),
        )
        place = st.builds(
            PlaceCondition,
            within_m=st.one_of(st.none(), st.floats(10, 1000)),
            of=st.sampled_from(["store", "store", "store", "home"]),
            via=st.sampled_from([(), ("slot",)]),
        )
        near = st.integers(-90, 90).map(lambda minutes: now + timedelta(minutes=minutes))
        ago = st.floats(0, 20).map(lambda days: now - timedelta(days=days))
        temperature = st.one_of(st.none(), st.floats(-30, 40))
        said = offer(
            name,
            margin=self._draw(st.floats(5, 20)),
            discount=self._draw(st.floats(0, 6)),
            kind=self._draw(st.sampled_from(list(OfferKind))),
            when=When(weather=self.mostly(None, weather), place=self.mostly(None, place)),
            audience=Audience(
                traits_none=self.mostly((), names), segments_any=self.mostly((), names)
            ),
            limits=Limits(per_customer_days=self.mostly(None, st.floats(0, 10))),
            life=Life(starts_at=self.mostly(None, near), ends_at=self.mostly(None, near)),
            active=self.mostly(True, st.just(False)),
            sensitive=self.mostly(False, st.just(True)),
        )
        stands = Candidate(
            offer_id=said.id,
            revision=1,
            distance_m=self.mostly(100.0, st.one_of(st.none(), st.floats(0, 2000))),
            elsewhere=self.mostly(False, st.just(True)),
            hours_hold=self.mostly(None, st.just(False)),
            store_open=self.mostly(None, st.just(False)),
            sky=self.mostly(None, st.builds(Sky, word=words, temperature=temperature)),
            left=self.mostly(None, st.just(0)),
            kind_left=self.mostly(None, st.just(0)),
            store_left=self.mostly(None, st.just(0)),
            last_sent_at=self.mostly(None, ago),
            said_in_daypart=self.mostly(False, st.just(True)),
            refused=self.mostly(False, st.just(True)),
            unsayable=self.mostly(None, st.just("no name")),
        )
        return said, stands

    def preferences(self, now: datetime) -> Preferences:
        return Preferences(
            quiet_hours=self.mostly((), few_spans),
            max_per_week=self.mostly(None, caps),
            paused_until=self.mostly(None, st.just(now + timedelta(minutes=1))),
            muted_kinds=self.mostly((), st.just(tuple(OfferKind))),
        )

    def policy(self) -> Policy:
        return Policy(
            paused=self.mostly(False, st.just(True)),
            caps=Caps(per_day=self.mostly(None, caps), per_week=self.mostly(None, caps)),
            quiet_hours=self.mostly((), few_spans),
            holdout_share=self.mostly(0.0, st.just(1.0)),
            exploration=self._draw(st.sampled_from([0.0, 0.5, 1.0])),
            interruption_price=self._draw(st.floats(0, 0.2)),
            hold=self._draw(st.booleans()),
        )

    def context(self, now: datetime, candidates: tuple[Candidate, ...]) -> Context:
        hours = st.lists(st.floats(0, 200), max_size=3)
        granted = st.lists(st.sampled_from(list(Purpose)), unique=True)
        return Context(
            moment_id=f"moment-{self._draw(st.integers(0, 999))}",
            cause=self._draw(st.sampled_from(list(Cause))),
            decided_at=now,
            expires_at=now + timedelta(minutes=self.mostly(10, st.integers(-2, 0))),
            zone=self._draw(st.sampled_from(ZONES)) if self.mostly(True, st.just(False)) else None,
            permits=dict.fromkeys(self.mostly(list(Purpose), granted), "entry"),
            reach=self.mostly(Reach.REACHABLE, st.sampled_from(list(Reach))),
            preferences=self.preferences(now),
            traits=self.mostly((), names),
            segments=self.mostly((), names),
            sent_at=tuple(now - timedelta(hours=back) for back in self._draw(hours)),
            draw=self._draw(st.floats(0, 1, exclude_max=True)),
            likely=Likely(p_visit=self._draw(st.floats(0, 0.5))),
            candidates=candidates,
        )


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Context, list[Offer], Policy]:
    make, now = Maker(draw), draw(instants)
    pairs = [make.offer(f"offer-{n}", now) for n in range(draw(st.integers(0, 2)))]
    context = make.context(now, tuple(stands for _, stands in pairs))
    return context, [said for said, _ in pairs], make.policy()


def in_span(wall: datetime, span: QuietHours) -> bool:
    begins, ends, clock = time.fromisoformat(span.from_), time.fromisoformat(span.to), wall.time()
    today, yesterday = (DAYS[(wall.weekday() - back) % 7] for back in (0, 1))
    if begins < ends:
        return begins <= clock < ends and (not span.days or today in span.days)
    late = clock >= begins and (not span.days or today in span.days)
    early = clock < ends and (not span.days or yesterday in span.days)
    return late or early


def assert_allowed(context: Context, said: Offer, stands: Candidate, policy: Policy) -> None:
    now, own, body = context.decided_at, context.preferences, said.body
    assert not policy.paused
    assert own.paused_until is None or own.paused_until <= now
    assert Purpose.PUSH in context.permits
    if context.cause in {Cause.ENTER, Cause.DWELL, Cause.WEATHER}:
        assert Purpose.LOCATION in context.permits
    if context.cause is Cause.HABIT:
        assert Purpose.HABITS in context.permits
    assert context.reach is Reach.REACHABLE
    assert now < context.expires_at
    assert context.zone
    wall = now.astimezone(ZoneInfo(context.zone))
    assert not any(in_span(wall, span) for span in (*policy.quiet_hours, *own.quiet_hours))
    today = [
        at for at in context.sent_at if at.astimezone(ZoneInfo(context.zone)).date() == wall.date()
    ]
    assert policy.caps.per_day is None or len(today) < policy.caps.per_day
    week = [at for at in context.sent_at if now - at < timedelta(days=7)]
    for most in (policy.caps.per_week, own.max_per_week):
        assert most is None or len(week) < most
    assert context.draw >= policy.holdout_share
    assert body.active
    assert body.life.starts_at is None or body.life.starts_at <= now
    assert body.life.ends_at is None or now < body.life.ends_at
    assert body.kind not in own.muted_kinds
    assert not set(context.traits) & set(body.audience.traits_none)
    assert not body.audience.segments_any or set(context.segments) & set(body.audience.segments_any)
    if place := body.when.place:
        assert place.of == "store"
        assert not place.via or context.cause in place.via
        if place.within_m is not None:
            assert stands.distance_m is not None
            assert stands.distance_m <= place.within_m
    if weather := body.when.weather:
        assert stands.sky is not None
        assert not weather.any or stands.sky.word in weather.any
        if weather.temperature_below is not None:
            assert stands.sky.temperature is not None
            assert stands.sky.temperature < weather.temperature_below
    days, last = body.limits.per_customer_days, stands.last_sent_at
    assert days is None or last is None or now - last >= timedelta(days=days)
    assert not any((stands.elsewhere, stands.refused, stands.said_in_daypart, stands.unsayable))
    assert stands.hours_hold is not False
    assert stands.store_open is not False
    assert 0 not in (stands.left, stands.kind_left, stands.store_left)
    assert not body.sensitive


@settings(max_examples=1000, deadline=None)
@given(scenes())
def test_no_input_yields_a_send_that_a_guard_forbids(
    scene: tuple[Context, list[Offer], Policy],
) -> None:
    context, said, policy = scene
    verdict = decide(context, said, policy, Model())
    assert verdict.reasons
    assert 0 < verdict.propensity <= 1
    if verdict.outcome is Outcome.SEND:
        assert verdict.offer
        assert verdict.candidate
        assert_allowed(context, verdict.offer, verdict.candidate, policy)


@settings(max_examples=50, deadline=None)
@given(scenes())
def test_every_verdict_follows_again_from_its_stored_inputs(
    scene: tuple[Context, list[Offer], Policy],
) -> None:
    context, said, policy = scene
    again = msgspec.json.decode(msgspec.json.encode(context), type=Context)
    first, second = (decide(each, said, policy, Model()) for each in (context, again))
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
