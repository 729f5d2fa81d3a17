"""The engine's own rules and learning without its store, for quick looks: tuning, priors that are wrong, tests.

Contexts, guards, scores, lots, rhythm, labels and the response model are the product's functions; what the store
would keep is kept in memory here. `bench/world/live.py` runs the whole engine, and its figures are the ones that count.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush

import numpy as np

from bench.world.brand import STORE, WHERE, body_of, policy_of
from bench.world.ledger import Ledger
from bench.world.lives import STORE_ID, Lives
from bench.world.people import ENTER, HABIT, WEATHER
from bench.world.truth import State, Truth
from domain.context import Context, Ground, Known, Reach, Whereabouts
from domain.decisions import Cause, Moment, Outcome
from domain.holdout import Member
from domain.model import Evidence, Learned, TermName
from domain.offers import Offer, WeatherWord
from domain.people import Consent, Consents, Customer, Mode, Purpose
from domain.places import LatLon, Store
from domain.policy import Brand
from domain.weather import Cell, Observation
from scheduler import closing
from scheduler.context import build
from scheduler.context.premises import Premises
from scheduler.decide import guards
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model
from scheduler.learn import usual
from scheduler.learn.response import Response
from scheduler.learn.terms import Terms, is_own
from scheduler.learned import first_spreads, learn
from scheduler.moments import LIFE

Terms_ = dict[str, dict[str, tuple[float, float]]]
_ANSWER_H = 4.0
_REDEEMED_H = 25.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAUSE = {ENTER: Cause.ENTER, HABIT: Cause.HABIT, WEATHER: Cause.WEATHER}


class Short:
    """One run of the pure parts in a town."""

    def __init__(self, truth: Truth, *, model: Model | None = None) -> None:
        self._truth, self._town, self._world = truth, truth.town, truth.town.world
        self._state, self.ledger = State(truth.town), Ledger(truth)
        self._model = model or Model()
        world = self._world
        self._brand = Brand(
            id="brand",
            slug="world",
            name="World",
            time_zone="UTC",
            signing_secret="",
            policy=policy_of(world),
        )
        place = {"latitude": WHERE[0], "longitude": WHERE[1], "time_zone": "UTC"}
        self._store = Store(id=STORE_ID, brand_id="brand", external_id=STORE, name="Store", **place)
        self._offers = tuple(
            Offer(id=each.id, brand_id="brand", external_id=each.id, revision=1, body=body_of(each))
            for each in world.offers
        )
        self._premises = Premises([self._store])
        self._waits_for_rain = any(each.only_in_rain for each in world.offers)
        n = world.people
        self._lives = Lives(world)
        self._refused: list[set[str]] = [set() for _ in range(n)]
        self._seen: list[float | None] = [None] * n
        since = self._lives.when(24.0 * self._town.first_day)
        self._allowed = Consents(
            of={
                each: Consent(purpose=each, granted=True, entry_id=each.value, since=since)
                for each in Purpose
            }
        )
        self.response = Response({}, first_spreads())
        self._open: list[tuple[float, int, int, Verdict, Context, bool]] = []
        self._told: dict[str, float] = {}
        self._annoyed: set[str] = set()
        self._left: dict[int, float] = {}
        self._ahead: list[tuple[float, int, int, str, int, str]] = []
        self._usual: dict[int, Evidence] = {}
        self._moments: dict[TermName, Evidence] = {}
        self._shared: set[TermName] = set()
        self._mine: list[dict[TermName, TermName]] = [{} for _ in range(n)]
        self._count = 0

    def run(self) -> Ledger:
        """History and weeks."""
        times = self._town.visits
        for who, column in zip(*np.nonzero(~np.isnan(times)), strict=True):
            offer = int(self._town.chosen[who, column])
            self._expect(float(times[who, column]), int(who), "order", offer, "")
        steps = 1440 // self._world.step_minutes
        for day in range(self._town.first_day, 0):
            self._hear(24.0 * (day + 1))
            self._lives.hear_nothing(24.0 * (day + 1))
        for who in range(self._world.people):
            self._lives.look_ahead(who, 0.0)
        for day in range(self._town.last_day):
            for step in range(1, steps + 1):
                at = 24.0 * day + 24.0 * step / steps
                self._hear(at)
                if 5 <= at % 24 <= 23:
                    self._close(at)
                    self._decide(at)
            self._lives.hear_nothing(24.0 * (day + 1))
        return self.ledger

    # What is told.

    def _expect(self, at: float, who: int, type: str, offer: int, decision: str) -> None:
        self._count += 1
        heappush(self._ahead, (at, self._count, who, type, offer, decision))

    def _hear(self, until: float) -> None:
        stretches = []
        while self._ahead and self._ahead[0][0] <= until:
            at, _, who, type, offer, decision = heappop(self._ahead)
            if type == "withdrawn":
                self._left[who] = at
                continue
            if type == "order":
                stretches.append(self._lives.came(who, at))
            else:
                self._told[decision] = 1.0 if type == "redeemed" else 0.0
                if type != "redeemed":
                    self._annoyed.add(decision)
                if type == "not_for_me":
                    self._refused[who].add(self._offers[offer].id)
            self._lives.learn(who, at, type, offer, until)
            if type == "order" and until >= 0:
                self._lives.look_ahead(who, until)
        if stretches:
            self._lives.teach(stretches, until)

    # What is decided.

    def _decide(self, at: float) -> None:
        causes: dict[int, int] = {}
        habits = [(n, each) for n, each in enumerate(self._lives.habits) if each and each[0] <= at]
        for who, due in habits:
            self._lives.take(who, due[2])
            if at < due[1]:
                causes[who] = HABIT
        where = self._town.moments
        for n in range(*np.searchsorted(where.at, [at - 1e-6, at + 1e-6])):
            if where.cause[n] != HABIT:
                causes[int(where.who[n])] = int(where.cause[n])
                if where.cause[n] == ENTER:
                    self._seen[int(where.who[n])] = at
        whom = [(who, cause) for who, cause in causes.items() if who not in self._left]
        if whom:
            self._decide_all(whom, at)
        for who, _ in habits:
            self._lives.look_ahead(who, at)

    def _decide_all(self, whom: Sequence[tuple[int, int]], at: float) -> None:
        ground = self._ground(at)
        terms = self._beliefs((term, term) for term in self._shared)
        spreads = {
            group: math.exp(each.log_variance) for group, each in self.response.spreads().items()
        }
        scenes = [self._scene(who, cause, ground, at) for who, cause in whom]
        scenes = build.foretold(scenes)
        pushes: list[tuple[int, Verdict, Context, int]] = []
        for (who, cause), scene in zip(whom, scenes, strict=True):
            mine = self._beliefs(self._mine[who].items())
            learned = Learned(
                terms={**terms, **mine} if mine else terms,
                spreads=spreads,
                usual=usual.usual(
                    self._usual.get(who), self._moments, day=self._day(at), other_memory=1e9
                ),
            )
            context = build.person(scene._replace(learned=learned))
            if not guards.on_person(context, self._brand.policy):
                context = build.with_offers(context, scene)
            verdict = decide(context, self._offers, self._brand.policy, self._model)
            self._noted(who, context, verdict)
            drawn = verdict.reasons[0].code == "explored"
            if verdict.outcome is Outcome.SEND:
                pushes.append((who, verdict, context, cause))
            elif verdict.outcome is Outcome.SILENCE and drawn and verdict.offer:
                heappush(self._open, (at + _ANSWER_H, self._next(), who, verdict, context, False))
        if pushes:
            self._push(pushes, at)

    def _noted(self, who: int, context: Context, verdict: Verdict) -> None:
        """How good the moment was."""
        found = closing.noted(context, verdict, self._brand.policy, self._model)
        if found is None:
            return
        if found.own:
            known = self._usual.get(who)
            self._usual[who] = usual.together(known, found.own) if known else found.own
        self._moments = usual.added(self._moments, found.everybodys)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _push(self, pushes: Sequence[tuple[int, Verdict, Context, int]], at: float) -> None:
        who = np.array([each[0] for each in pushes])
        index = {each.id: n for n, each in enumerate(self._offers)}
        offer = np.array([index[each[1].offer.id] for each in pushes if each[1].offer])
        cause = np.array([each[3] for each in pushes])
        times = np.full(len(who), at)
        answers = self._truth.answers(self._state, who, times, cause, offer)
        self.ledger.note(times, offer, answers)
        for n, (person, verdict, context, _) in enumerate(pushes):
            decision = context.moment_id
            self._lives.push(person, self._offers[offer[n]].id, verdict, at)
            heappush(self._open, (at + _REDEEMED_H, self._next(), person, verdict, context, True))
            if answers.brought[n]:
                there = float(answers.at[n])
                self._expect(there, person, "order", int(offer[n]), "")
                self._expect(there, person, "redeemed", int(offer[n]), decision)
            if answers.anyway[n]:
                there = float(self._town.visit(np.array([person]), np.array([int(at // 24)]))[0])
                self._expect(there, person, "redeemed", int(offer[n]), decision)
            if answers.wiped[n]:
                self._expect(at + 0.05, person, "dismissed", int(offer[n]), decision)
            if answers.refused[n]:
                self._expect(at + 0.05, person, "not_for_me", int(offer[n]), decision)
            if answers.left[n]:
                self._expect(at + 0.1, person, "withdrawn", int(offer[n]), decision)

    def _scene(self, who: int, cause: int, ground: Ground, at: float) -> build.Scene:
        now = self._lives.when(at)
        kind = _CAUSE[cause]
        seen = self._seen[who]
        moment = Moment(
            id=f"{self._town.seed}-{who}-{at:.2f}",
            brand_id="brand",
            mode=Mode.LIVE,
            customer_id=str(who),
            cause=kind,
            key="",
            due_at=now,
            expires_at=now + LIFE[kind],
            store_id=None if cause == HABIT else STORE_ID,
        )
        known = Known(
            customer=Customer(id=str(who), brand_id="brand", mode=Mode.LIVE),
            consents=self._allowed,
            reach=Reach.REACHABLE,
            zones=("UTC",),
            sent=tuple(self._lives.sent[who]),
            refused=tuple(self._refused[who]),
            profile=self._lives.profiles[who],
            whereabouts=Whereabouts(
                position=LatLon(latitude=WHERE[0] + 60 / 111_400, longitude=WHERE[1]),
                occurred_at=self._lives.when(seen),
            )
            if seen is not None
            else None,
            usual_store_id=STORE_ID,
            member=Member(draw=1.0),
        )
        scene = build.scene(moment, known, ground, self._premises, now=now)
        return scene._replace(regular={STORE_ID: len(self._lives.days[who])})

    def _ground(self, at: float) -> Ground:
        cell = Cell.at(latitude=WHERE[0], longitude=WHERE[1])
        wet = bool(self._town.is_wet(np.array([at]))[0])
        sky = Observation(
            cell=cell.key,
            provider="",
            observed_at=self._lives.when(at),
            fetched_at=self._lives.when(at),
            word=WeatherWord.RAIN if wet else WeatherWord.CLOUDS,
            temperature=15.0,
        )
        return Ground(
            brand=self._brand,
            offers=self._offers,
            stores=(self._store,),
            skies={cell.key: sky} if self._waits_for_rain else {},
            wheel=self._lives.wheel,
        )

    # What is learned.

    def _beliefs(self, terms: Iterable[tuple[TermName, TermName]]) -> Terms_:
        """Means and variances by group and value; each term with the name under which it is learned."""
        found: Terms_ = {}
        for term, learned in terms:
            known = self.response.belief(learned)
            found.setdefault(term.group, {})[term.value] = (known.mean, known.variance)
        return found

    def _close(self, at: float) -> None:
        """Lets every decision teach whose answer is due."""
        due = [each for each in self._open if each[0] <= at]
        self._open = [each for each in self._open if each[0] > at]
        for each in sorted(due, key=lambda one: one[:2]):
            self._teach(*each[2:], at=at)

    def _teach(
        self, who: int, verdict: Verdict, context: Context, pushed: bool, *, at: float
    ) -> None:
        begun = (context.decided_at - self._world.begins).total_seconds() / 3600
        came = any(begun < there <= begun + 3 for there in self._lives.visits[who][-4:])
        y = self._told.pop(context.moment_id, float(came)) if pushed else float(came)
        left = self._left.get(who, math.inf)
        if verdict.offer is None or verdict.candidate is None:
            return
        active = closing.taught_by(context, verdict.offer, verdict.candidate)
        odds = verdict.odds if pushed else verdict.anyway
        for lesson in closing.lessons(
            active if pushed else Terms(context).anyway,
            odds=odds,
            anyway=verdict.before if pushed else 0.0,
            y=y,
            left=begun <= left <= begun + 24,
            refused=context.moment_id in self._annoyed,
            whose=str(who),
        ):
            owned = [self._name(who, term) for term in lesson.terms]
            learn(self.response, owned, lesson, day=self._day(at))

    def _name(self, who: int, term: TermName) -> TermName:
        if is_own(term):
            return self._mine[who].setdefault(term, TermName(term.group, f"{who}/{term.value}"))
        self._shared.add(term)
        return term

    def _day(self, at: float) -> int:
        return (self._lives.when(at) - _EPOCH).days


def short(truth: Truth, *, model: Model | None = None) -> Ledger:
    """What the engine's pure parts bring in this town."""
    return Short(truth, model=model).run()
