"""What people brought, by day: the visits and money that uplift is about, and the sums that stay of who is gone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntFlag
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.holdout import Arm, Epoch, epoch_of, epochs
from domain.values import Value
from storage import holdouts
from storage.engine import Transaction
from storage.models import MemberRow, OutcomeRow, RemainRow

ALL, SAID = "all", "said"


class Sign(IntFlag):
    """What showed that somebody was there; each rests on a consent of its own."""

    PLACE = 1  # their phone
    ORDER = 2  # what they bought
    TOLD = 4  # the brand's backend


class Brought(Value):
    """What a live person brought on a day (an ordinal of the brand's zone)."""

    brand_id: str
    customer_id: str
    day: int
    sign: Sign
    value: float = 0.0


class Line(NamedTuple):
    """Sums over one group of people: visits `v` and money `m` of the window (`y`) and of the days before (`x`).

    `held` tells the arm, `offer_id` by which offer they were won first, None while by none. `y` counts from the day on
    which a person was enrolled, `s` from that on which an offer first won for them.
    """

    epoch: int
    held: bool
    offer_id: str | None
    people: float
    vx: float
    vxx: float
    vy: float
    vyy: float
    vxy: float
    vs: float
    vss: float
    vxs: float
    mx: float
    mxx: float
    my: float
    myy: float
    mxy: float
    ms: float
    mss: float
    mxs: float


class Remains(NamedTuple):
    """Sums over those who are gone, in one scope, epoch and arm."""

    scope: str
    epoch: int
    held: bool
    people: float
    vx: float
    vy: float
    mx: float
    my: float


def _adding(insert: Any) -> Any:
    row = insert(OutcomeRow)
    return row.on_conflict_do_update(
        index_elements=["brand_id", "day", "customer_id"],
        set_={
            "signs": OutcomeRow.signs.op("|")(row.excluded.signs),
            "value": OutcomeRow.value + row.excluded.value,
        },
    )


def _keeping(insert: Any) -> Any:
    row = insert(RemainRow)
    sums = ("people", "pre_visits", "pre_value", "visits", "value")
    return row.on_conflict_do_update(
        index_elements=["brand_id", "scope", "epoch", "held", "day"],
        set_={name: getattr(RemainRow, name) + row.excluded[name] for name in sums},
    )


_DIALECTS = (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
_ADD = {name: _adding(insert) for name, insert in _DIALECTS}
_KEEP = {name: _keeping(insert) for name, insert in _DIALECTS}


def add(tx: Transaction, brought: Iterable[Brought]) -> None:
    """Adds to people's days, in one statement for any number."""
    days: dict[tuple[str, int, str], list[Any]] = {}
    for each in brought:
        day = days.setdefault((each.brand_id, each.day, each.customer_id), [0, 0.0])
        day[0] |= int(each.sign)
        day[1] += each.value
    rows = [
        {"brand_id": key[0], "day": key[1], "customer_id": key[2], "signs": s, "value": v}
        for key, (s, v) in sorted(days.items())
    ]
    if rows:
        tx.execute(_ADD[tx.dialect.name], rows)


def join(tx: Transaction, from_id: str, to_id: str) -> None:
    """Makes an anonymous person's days the known one's."""
    rows = _days(tx, from_id)
    _delete(tx, from_id)
    if rows:
        given = [{**row._mapping, "customer_id": to_id} for row in rows]
        tx.execute(_ADD[tx.dialect.name], given)


def forget(tx: Transaction, customer_id: str, signs: Sign, *, now: datetime) -> int:
    """Deletes what rests on these signs, with the person's past before they were enrolled; the brand's sums keep it."""
    keep = _Fold(tx, customer_id, now)
    rows = _days(tx, customer_id)
    left = []
    for row in rows:
        rest = row.signs & ~int(signs)
        value = 0.0 if Sign.ORDER in signs else row.value
        keep.day(row.day, visits=int(row.signs > 0) - int(rest > 0), value=row.value - value)
        if rest or value:
            left.append({**row._mapping, "signs": rest, "value": value})
    keep.start(people=0)
    keep.save()
    _delete(tx, customer_id)
    if left:
        tx.execute(_ADD[tx.dialect.name], left)
    blank = {"pre_visits": 0, "pre_value": 0.0}
    tx.execute(sa.update(MemberRow).where(MemberRow.customer_id == customer_id).values(**blank))
    return len(rows) - len(left)


def fold(tx: Transaction, customer_id: str, *, now: datetime) -> None:
    """Adds a person who is about to be erased to the brand's sums; their own rows are still there afterwards."""
    keep = _Fold(tx, customer_id, now)
    for row in _days(tx, customer_id):
        keep.day(row.day, visits=int(row.signs > 0), value=row.value)
    keep.start(people=1)
    keep.save()


class _Fold:
    """Collects what one person adds to the sums of their arm; nothing where they count in none."""

    def __init__(self, tx: Transaction, customer_id: str, now: datetime) -> None:
        self._tx = tx
        self._sums: defaultdict[tuple[str, int], dict[str, float]] = defaultdict(
            lambda: dict.fromkeys(("people", "pre_visits", "pre_value", "visits", "value"), 0)
        )
        self._member = tx.execute(
            sa.select(MemberRow.__table__).where(MemberRow.customer_id == customer_id)
        ).one_or_none()
        self._scopes: list[tuple[str, int]] = []
        self._epoch: Epoch | None = None
        if self._member is not None and not self._member.mixed:
            shares = holdouts.shares(tx, self._member.brand_id)
            self._epoch = epoch_of(epochs(shares, now), self._member.enrolled_at)
            self._scopes = [(ALL, self._member.enrolled_day)]
            if self._member.said_day is not None:
                scopes = (SAID, self._member.said_offer_id)
                self._scopes += [(scope, self._member.said_day) for scope in scopes]

    def start(self, *, people: int) -> None:
        for scope, since in self._scopes:
            sums = self._sums[scope, since]
            sums["people"] += people
            sums["pre_visits"] += self._member.pre_visits if self._member else 0
            sums["pre_value"] += self._member.pre_value if self._member else 0.0

    def day(self, day: int, *, visits: int, value: float) -> None:
        for scope, since in self._scopes:
            if day >= since and (visits or value):
                self._sums[scope, day]["visits"] += visits
                self._sums[scope, day]["value"] += value

    def save(self) -> None:
        if self._member is None or self._epoch is None:
            return
        arm = self._epoch.arm(self._member.draw)
        names = {
            "brand_id": self._member.brand_id,
            "epoch": self._epoch.number,
            "held": arm is Arm.HELD_OUT,
        }
        rows = [
            {**names, "scope": scope, "day": day, **sums}
            for (scope, day), sums in sorted(self._sums.items())
        ]
        if rows and arm:
            self._tx.execute(_KEEP[self._tx.dialect.name], rows)


def _days(tx: Transaction, customer_id: str) -> Sequence[Any]:
    query = sa.select(OutcomeRow.__table__).where(OutcomeRow.customer_id == customer_id)
    return tx.execute(query.order_by(OutcomeRow.day)).all()


def _delete(tx: Transaction, customer_id: str) -> None:
    tx.execute(sa.delete(OutcomeRow).where(OutcomeRow.customer_id == customer_id))


def sums(
    tx: Transaction, brand_id: str, among: Sequence[Epoch], *, first: int, last: int
) -> list[Line]:
    """The sums over everybody there is, of the days from `first` to `last`; in one statement."""
    if not among:
        return []
    people = _people(brand_id, among, last).subquery()
    brought = _brought(brand_id, first, last).subquery()
    offer = sa.case((people.c.said_day <= last, people.c.said_offer_id)).label("offer_id")
    query = (
        sa.select(people.c.epoch, people.c.held, offer, *_columns(people, brought))
        .select_from(people.outerjoin(brought, brought.c.customer_id == people.c.customer_id))
        .where(people.c.held.is_not(None))
        .group_by(people.c.epoch, people.c.held, offer)
    )
    return [
        Line(row[0], bool(row[1]), row[2], *(float(each) for each in row[3:]))
        for row in tx.execute(query)
    ]


def _people(brand_id: str, among: Sequence[Epoch], last: int) -> sa.Select[Any]:
    """Everybody enrolled by `last`, with their epoch and arm: 1 for the held-out, 0 for the treated."""
    begun = [
        (MemberRow.enrolled_at >= each.begins, each) for each in reversed(among) if each.number
    ]
    draw = MemberRow.draw

    def arm(epoch: Epoch) -> sa.Case[Any]:
        held, treated = draw < epoch.lowest, draw >= epoch.highest
        return sa.case((held, sa.literal_column("1")), (treated, sa.literal_column("0")))

    first = among[0]
    numbers: list[Any] = [(since, sa.literal_column(str(each.number))) for since, each in begun]
    arms: list[Any] = [(since, arm(each)) for since, each in begun]
    return sa.select(
        MemberRow.customer_id,
        MemberRow.said_day,
        MemberRow.said_offer_id,
        MemberRow.pre_visits,
        MemberRow.pre_value,
        (sa.case(*numbers, else_=sa.literal_column("0")) if numbers else sa.literal_column("0"))
        .label("epoch"),
        (sa.case(*arms, else_=arm(first)) if arms else arm(first)).label("held"),
    ).where(
        MemberRow.brand_id == brand_id,
        MemberRow.enrolled_day <= last,
        MemberRow.mixed.is_(False),
    )  # fmt: skip


def _brought(brand_id: str, first: int, last: int) -> sa.Select[Any]:
    """Visits and money of each person within the window, since they were enrolled and since an offer first won."""
    came = sa.case((OutcomeRow.signs > 0, 1), else_=0)
    since, said = OutcomeRow.day >= MemberRow.enrolled_day, OutcomeRow.day >= MemberRow.said_day

    def total(what: Any, when: Any) -> Any:
        return sa.func.sum(sa.case((when, what), else_=0))

    return (
        sa.select(
            OutcomeRow.customer_id,
            total(came, since).label("vy"),
            total(OutcomeRow.value, since).label("my"),
            total(came, said).label("vs"),
            total(OutcomeRow.value, said).label("ms"),
        )
        .join(MemberRow, MemberRow.customer_id == OutcomeRow.customer_id)
        .where(OutcomeRow.brand_id == brand_id, OutcomeRow.day.between(first, last))
        .group_by(OutcomeRow.customer_id)
    )


def _columns(people: Any, brought: Any) -> list[Any]:
    columns: list[Any] = [sa.func.count()]
    for before, letter in ((people.c.pre_visits, "v"), (people.c.pre_value, "m")):
        x = before * 1.0
        columns += [sa.func.sum(x), sa.func.sum(x * x)]
        for kind in "ys":
            y = sa.func.coalesce(brought.c[letter + kind], 0) * 1.0
            columns += [sa.func.sum(y), sa.func.sum(y * y), sa.func.sum(x * y)]
    return columns


def remains(tx: Transaction, brand_id: str, *, first: int, last: int) -> list[Remains]:
    """The sums over those who are gone, of the same days."""

    def total(what: Any, when: Any) -> Any:
        return sa.func.sum(sa.case((when, what * 1.0), else_=0.0))

    by_then, within = RemainRow.day <= last, RemainRow.day.between(first, last)
    query = (
        sa.select(
            RemainRow.scope,
            RemainRow.epoch,
            RemainRow.held,
            total(RemainRow.people, by_then),
            total(RemainRow.pre_visits, by_then),
            total(RemainRow.visits, within),
            total(RemainRow.pre_value, by_then),
            total(RemainRow.value, within),
        )
        .where(RemainRow.brand_id == brand_id)
        .group_by(RemainRow.scope, RemainRow.epoch, RemainRow.held)
    )
    return [Remains(*row) for row in tx.execute(query)]
