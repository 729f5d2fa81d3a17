"""What the push service reports of messages afterwards, taken as if phones had reported it, and never twice."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from domain.events import Event
from domain.messages import MessageState
from domain.people import Mode
from domain.values import Value
from notifiers.reports import Found, Happened, Row
from scheduler import proof
from storage import events, reports, unknowns
from storage.engine import Database, Transaction
from storage.events import StoredEvent
from storage.reports import Reached

_AT_ONCE = 500
_LONGEST_LIFE = timedelta(days=28)  # FCM keeps a message no longer
_AROUND = timedelta(hours=1)  # between clocks, and between a message and its POST


class Taken(Value):
    """What became of a file. `strange` are messages that this brand did not send, or no longer knows."""

    rows: int = 0
    delivered: int = 0
    known: int = 0
    settled: int = 0
    strange: int = 0
    other: int = 0
    reports: int = 0
    dry_run: bool = False


class _Plan(NamedTuple):
    """What a batch of rows adds: messages newly known to be delivered, and unknown ones that were taken after all."""

    delivered: dict[str, tuple[Reached, datetime]]
    accepted: dict[str, Reached]
    known: int
    strange: int


class Reported:
    """Takes what `notifiers.reports` read for one brand. `project` is the Firebase project it sends through."""

    def __init__(
        self, database: Database, *, brand_id: str, project: str | None, now: datetime
    ) -> None:
        self._database = database
        self._brand_id = brand_id
        self._project = project
        self._now = now

    def take(
        self, found: Found, *, dry_run: bool, watch: Callable[[int], None] = lambda done: None
    ) -> Taken:
        """Takes the rows in small transactions, so that nobody waits long; what was taken before changes nothing."""
        delivered = known = settled = strange = 0
        seen: set[str] = set()
        for number, rows in enumerate(_batched(found.rows)):
            plan = self._dry(rows) if dry_run else self._database.write(self._taking(rows))
            fresh = plan.delivered.keys() - seen
            seen |= fresh
            delivered += len(fresh)
            settled += len(plan.accepted)
            known += plan.known + len(plan.delivered) - len(fresh)
            strange += plan.strange
            watch((number + 1) * _AT_ONCE)
        if found.reports and not dry_run:
            self._database.write(lambda tx: self._put(tx, found))
        return Taken(
            rows=len(found.rows) + found.other,
            delivered=delivered,
            known=known,
            settled=settled,
            strange=strange,
            other=found.other,
            reports=len(found.reports),
            dry_run=dry_run,
        )

    def _dry(self, rows: Sequence[Row]) -> _Plan:
        with self._database.read() as tx:
            return self._plan(tx, rows)

    def _taking(self, rows: Sequence[Row]) -> Callable[[Transaction], _Plan]:
        def work(tx: Transaction) -> _Plan:
            there = reports.people(
                tx, {each.customer_id for each in self._found(tx, rows).values()}
            )
            plan = self._plan(tx, rows)
            still = {
                id_: each for id_, each in plan.delivered.items() if each[0].customer_id in there
            }
            unknowns.settle(tx, self._brand_id, plan.accepted, MessageState.SENT)
            for mode in Mode:
                its = [
                    _event(self._brand_id, *each) for each in still.values() if each[0].mode is mode
                ]
                events.add(tx, its, now=self._now)
                proof.note_events(tx, its, brand_id=self._brand_id, mode=mode)
            return plan

        return work

    def _plan(self, tx: Transaction, rows: Sequence[Row]) -> _Plan:
        found = self._found(tx, rows)
        plan = _Plan({}, {}, 0, 0)
        known = strange = 0
        for row in rows:
            message = found.get(row.name)
            if message is None:
                strange += 1
            elif row.happened is Happened.ACCEPTED:
                if message.state is MessageState.UNKNOWN:
                    plan.accepted[message.id] = message
            elif message.known or message.id in plan.delivered:
                known += 1
            else:
                plan.delivered[message.id] = message, min(row.at, self._now)
        return plan._replace(known=known, strange=strange)

    def _found(self, tx: Transaction, rows: Sequence[Row]) -> dict[str, Reached]:
        """By FCM's name for it, the message that each row tells of: by its own id, else by the name FCM gave it."""
        ours = reports.by_ids(tx, self._brand_id, {r.collapse_key for r in rows if r.collapse_key})
        found = {r.name: ours[r.collapse_key] for r in rows if r.collapse_key in ours}
        left = {
            f"projects/{self._project}/messages/{r.name}": r for r in rows if r.name not in found
        }
        if not left or self._project is None:
            return found
        named = reports.by_names(
            tx,
            self._brand_id,
            left,
            since=min(r.at for r in left.values()) - _LONGEST_LIFE,
            until=max(r.at for r in left.values()) + _AROUND,
        )
        return found | {left[name].name: message for name, message in named.items()}

    def _put(self, tx: Transaction, found: Found) -> None:
        sums = {(r.app, r.day.toordinal(), r.label): (r.accepted, r.shares) for r in found.reports}
        reports.put(tx, self._brand_id, [(*key, *value) for key, value in sums.items()])


def _event(brand_id: str, message: Reached, at: datetime) -> StoredEvent:
    """The report as the app itself would have made it."""
    event_id = str(uuid5(UUID(message.id), reports.DELIVERED))
    return StoredEvent(
        event=Event(
            event_id=event_id,
            type=reports.DELIVERED,
            occurred_at=at,
            decision_id=message.decision_id,
            properties={"source": "fcm"},
        ),
        brand_id=brand_id,
        mode=message.mode,
        customer_id=message.customer_id,
    )


def _batched(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
