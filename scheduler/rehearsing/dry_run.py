"""Rehearses an offer, stored or not, with progress; nothing is written, no counter moves, no moment is taken."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.context import Sold
from domain.decisions import Cause
from domain.errors import Fault, Invalid
from domain.offers import Offer, OfferBody
from domain.people import Mode
from domain.policy import Brand
from domain.values import Value
from scheduler.decide.score import Model
from scheduler.loading import today
from scheduler.rehearsing import past, present
from scheduler.rehearsing.funnel import Example, Expected, Funnel, Hour, Step
from scheduler.rehearsing.recorded import Archive, Window
from storage import contexts, offers, rehearsal, stores
from storage.engine import Database, Transaction


class Asked(Value):
    """Which offer, with which body (None: the stored one), for whom, over which window (None: now), for at most how many."""

    external_id: str
    body: OfferBody | None = None
    mode: Mode = Mode.LIVE
    since: datetime | None = None
    until: datetime | None = None
    sample: int | None = None


class Progress(Value):
    """How many customers are done, of how many."""

    done: int
    of: int


class Moments(Value):
    """Of a window: the moments that there were, those whose inputs are gone for their people's sake (of these, of erased
    people) or for their age, and those that cannot be decided again. `displaced`: real sends of other offers in whose place this one would have been said."""

    all: int
    redacted: int
    of_erased: int
    pruned: int
    failed: int
    displaced: int


class DryRun(Value):
    """What the offer would do. Numbers are of all customers; where only `looked_at` of them were, they are scaled up.

    `causes`: the moments that were made up, the most favourable first; none where real ones of a window were taken.
    """

    offer: str
    revision: int | None  # of the stored body; None where a draft was given
    mode: Mode
    at: datetime
    since: datetime | None
    until: datetime | None
    people: int
    looked_at: int
    causes: tuple[Cause, ...]
    steps: tuple[Step, ...]
    sends_by_hour: tuple[Hour, ...]
    expected: Expected
    examples: tuple[Example, ...]
    moments: Moments | None


class Rehearsal:
    """One dry run: iterate over it, then read `result`."""

    def __init__(
        self,
        database: Database,
        brand: Brand,
        asked: Asked,
        *,
        now: datetime,
        weather_max_age: timedelta,
        model: Model | None = None,
    ) -> None:
        self._database = database
        self._brand = brand
        self._asked = asked
        self._now = now
        self._max_age = weather_max_age
        self._model = model or Model()
        with database.read() as tx:
            self._offer, self._revision = _offer(tx, brand, asked)
            self._of = rehearsal.how_many(tx, brand_id=brand.id, mode=asked.mode)
        self._share = min(1.0, asked.sample / self._of) if asked.sample and self._of else 1.0

    def run(self) -> Iterator[Progress | DryRun]:
        """Progress after each batch, and the result at last."""
        asked = self._asked
        if asked.since and asked.until:
            yield from self._past(Window(asked.since, asked.until))
        else:
            yield from self._present()

    def _present(self) -> Iterator[Progress | DryRun]:
        funnel = Funnel()
        now = present.Now(
            self._brand,
            self._asked.mode,
            self._offer,
            self._now,
            self._max_age,
            self._model,
            self._share,
        )
        for done in present.rehearse(self._database, now, funnel):
            yield Progress(done=done, of=max(done, self._of))
        with self._database.read() as tx:
            sold = contexts.sold(
                tx,
                [self._offer.id],
                mode=self._asked.mode,
                day=today(self._brand, self._now),
            ).get(self._offer.id, Sold())
        funnel.sort_by_gain()
        yield self._told(funnel, sold, present.causes(self._offer, self._model), None)

    def _past(self, window: Window) -> Iterator[Progress | DryRun]:
        funnel, counts = Funnel(), past.Counts()
        with self._database.read() as tx:
            archive = Archive(tx, self._brand.id, window, (self._offer,), self._max_age)
            erased = rehearsal.of_the_erased(
                tx,
                brand_id=self._brand.id,
                mode=self._asked.mode,
                since=window.since,
                until=window.until,
            )
        then = past.Then(
            self._brand,
            self._asked.mode,
            self._offer,
            window,
            archive,
            self._model,
            self._share,
        )
        for done in past.rehearse(self._database, then, funnel, counts):
            yield Progress(done=done, of=max(done, self._of))
        funnel.sort_by_time()
        moments = Moments(
            all=counts.moments + erased,
            redacted=counts.redacted + erased,
            of_erased=erased,
            pruned=counts.pruned,
            failed=counts.failed,
            displaced=counts.displaced,
        )
        yield self._told(funnel, Sold(), (), moments)

    def _told(
        self,
        funnel: Funnel,
        sold: Sold,
        causes: tuple[Cause, ...],
        moments: Moments | None,
    ) -> DryRun:
        asked, limits = self._asked, self._offer.body.limits
        whole = min((n for n in (limits.total, limits.stock) if n is not None), default=None)
        of = funnel.people if self._share >= 1 else self._of
        scale = of / funnel.people if funnel.people else 1.0
        pledges = limits.pledges(self._offer.body.value.discount)
        left = (_left(whole, sold.in_all, scale), _left(pledges, sold.pledged, scale))
        in_all = min((each for each in left if each is not None), default=None)
        funnel.cut(in_all, _left(limits.per_day, sold.today, scale))
        return DryRun(
            offer=asked.external_id,
            revision=self._revision,
            mode=asked.mode,
            at=self._now,
            since=asked.since,
            until=asked.until,
            people=of,
            looked_at=funnel.people,
            causes=causes,
            steps=funnel.steps(of),
            sends_by_hour=funnel.hours(scale),
            expected=funnel.expected(self._offer.body.value.currency, scale),
            examples=funnel.examples,
            moments=moments,
        )


def _left(limit: int | None, sold: int, scale: float) -> int | None:
    """The sends that a limit still allows; to a sample, its part of them."""
    return None if limit is None else max(0, round((limit - sold) / scale))


def _offer(tx: Transaction, brand: Brand, asked: Asked) -> tuple[Offer, int | None]:
    """The stored offer with its revision, or the draft, which need not have been stored before."""
    if asked.body is None:
        stored = offers.get(tx, brand_id=brand.id, external_id=asked.external_id)
        return stored, stored.revision
    return drafted(tx, brand, asked.external_id, asked.body), None


def drafted(tx: Transaction, brand: Brand, external_id: str, body: OfferBody) -> Offer:
    """An offer that is not stored, under the id that one of this name has or had. Invalid where a store of it is not there."""
    _refuse_unknown_stores(tx, brand, body)
    return Offer(
        id=rehearsal.offer_id(tx, brand_id=brand.id, external_id=external_id) or _new(external_id),
        brand_id=brand.id,
        external_id=external_id,
        revision=0,
        body=body,
    )


def _new(external_id: str) -> str:
    """An id for an offer that is not stored yet, behind those of all others."""
    return f"ffffffff-ffff-7fff-bfff-{hashlib.sha256(external_id.encode()).hexdigest()[:12]}"


def _refuse_unknown_stores(tx: Transaction, brand: Brand, body: OfferBody) -> None:
    there = stores.ids(tx, brand.id, body.stores)
    faults = tuple(
        Fault(pointer=f"/offer/stores/{n}", detail="There is no such store.")
        for n, name in enumerate(body.stores)
        if name not in there
    )
    if faults:
        raise Invalid("The draft names a store that there is not.", faults=faults)
