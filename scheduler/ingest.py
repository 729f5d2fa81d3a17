"""Taking fixes: one transaction from the device's lock to its visits and moments. What was answered is committed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from domain.access import digest
from domain.clock import Clock
from domain.errors import Forbidden, Unauthenticated
from domain.people import Purpose
from domain.places import Fix
from geofence.presence import Transition
from geofence.transitions import DeviceState, Fences, dwell_due, silence_due, step, tick
from scheduler import judging, places
from scheduler.fences import FenceCache, Snapshot
from scheduler.receipts import Judged, Receipt, Rejected, sift
from scheduler.visits import Whose, follow_up
from storage import fixes as storage
from storage import raw_fixes
from storage.engine import Database, Transaction
from storage.fixes import Position, Tracked

CATCHES_UP_WITHIN = timedelta(seconds=30)  # the longest between two requests of one backlog

_AT_ONCE = 500  # devices whose time is up, in one transaction

_state = msgspec.msgpack.Decoder(DeviceState)
_pack = msgspec.msgpack.Encoder()


class OutdatedFences(Exception):
    """The brand's fences have changed since this snapshot; load at least `revision`."""

    def __init__(self, brand_id: str, revision: int) -> None:
        super().__init__(brand_id, revision)
        self.brand_id = brand_id
        self.revision = revision


class Ingest:
    """Applies fixes, and time where no fix comes. Any thread may call."""

    def __init__(self, database: Database, clock: Clock, fences: FenceCache) -> None:
        self._database = database
        self._clock = clock
        self._fences = fences

    def receive(self, credential: str, fixes: Sequence[Fix]) -> Receipt:
        """Takes the fixes of the device that holds this credential and returns once they are committed.

        Unauthenticated where no device holds it; Forbidden (`consent_missing`) without `location` consent. Then
        nothing is stored.
        """
        hashed = digest(credential)
        try:
            return self._database.write(lambda tx: self.fixes(tx, hashed, fixes))
        except OutdatedFences as outdated:
            loaded = self._fences.at_least(outdated.brand_id, outdated.revision)
        return self._database.write(lambda tx: self.fixes(tx, hashed, fixes, loaded=loaded))

    def fixes(
        self, tx: Transaction, hashed: str, given: Sequence[Fix], *, loaded: Snapshot | None = None
    ) -> Receipt:
        """`receive` within a transaction. OutdatedFences where those in memory are; `loaded` are never outdated."""
        now = self._clock.now()
        tracked = _tracked(tx, hashed)
        snapshot = loaded or self._fences.held(tracked.brand_id)
        if snapshot.revision < tracked.fences and not loaded:
            raise OutdatedFences(tracked.brand_id, tracked.fences)
        judged = [
            Judged(event_id=each.event_id, code=judging.fix(each, tracked.consents, now))
            for each in given
        ]
        sifted = sift(tx, judged, scope_id=tracked.device_id, now=now)
        before = tracked.position
        watch = places.Watch(before.stay if before else None, tracked.consents)
        taken = _in_order(given, judged, sifted.fresh)
        walk = _walk(before, taken, snapshot.fences, now, watch)
        whose = Whose(
            device_id=tracked.device_id,
            customer_id=tracked.customer_id,
            brand_id=tracked.brand_id,
            mode=tracked.mode,
            fences_revision=snapshot.revision,
        )
        if walk.moved:
            storage.save(tx, _position(whose, walk.state, watch.packed(), now))
        if tracked.keep_fixes_h:
            _keep(tx, whose, taken, walk.rejected, now)
        receipt = Receipt(
            accepted=len(sifted.fresh) - len(walk.rejected),
            duplicates=sifted.duplicates,
            rejected=(*sifted.rejected, *walk.rejected),
            transitions=follow_up(tx, whose, walk.told, now=now),
        )
        places.learn(tx, whose, watch.complete, now=now)
        return receipt

    def pass_time(self) -> bool:
        """Says the dwells and ends the visits that fall due though no fix comes; True where a moment may have opened.

        Costs one read where nothing is due. Call it every second, and again at once while it answers True.
        """
        now = self._clock.now()
        with self._database.read() as tx:
            brands = storage.due_brands(tx, now)
        if not brands:
            return False
        snapshots = {brand_id: self._fences.newest(brand_id) for brand_id in brands}
        return self._database.write(lambda tx: self.due(tx, snapshots, now=now))

    def due(self, tx: Transaction, fences: Mapping[str, Snapshot], *, now: datetime) -> bool:
        """`pass_time` within a transaction, for the brands in `fences`; True where anything happened."""
        happened = False
        for position, mode in storage.claim_due(tx, brand_ids=fences, now=now, limit=_AT_ONCE):
            snapshot = fences[position.brand_id]
            whose = Whose(
                device_id=position.device_id,
                customer_id=position.customer_id,
                brand_id=position.brand_id,
                mode=mode,
                fences_revision=snapshot.revision,
            )
            ticked = tick(_state.decode(position.state), snapshot.fences, now=now)
            storage.save(tx, _position(whose, ticked.state, position.stay, now))
            follow_up(tx, whose, ticked.transitions, now=now)
            happened = happened or bool(ticked.transitions)
        return happened


class Walk(NamedTuple):
    """What a row of fixes makes of a device's state."""

    state: DeviceState
    told: tuple[Transition, ...]
    rejected: tuple[Rejected, ...]
    moved: bool


def _tracked(tx: Transaction, hashed: str) -> Tracked:
    tracked = storage.track(tx, hashed)
    if tracked is None:
        raise Unauthenticated("No device has this credential (any more); register it again.")
    if tracked.consents.granted(Purpose.LOCATION) is None:
        detail = "This person has not agreed to `location`; ask them, then POST /v1/consents."
        raise Forbidden(detail, code="consent_missing")
    return tracked


def _in_order(given: Sequence[Fix], judged: Sequence[Judged], fresh: set[str]) -> list[Fix]:
    """The first fix of each fresh id, in the order of device time."""
    first = {
        fix.event_id: fix
        for fix, row in zip(reversed(given), reversed(judged), strict=True)
        if row.code is None and row.event_id in fresh
    }
    return sorted(first.values(), key=lambda fix: fix.occurred_at)


def _keep(
    tx: Transaction, whose: Whose, taken: Sequence[Fix], rejected: Sequence[Rejected], now: datetime
) -> None:
    """Of the fixes that were taken none is lost, for the hours that the brand has asked for."""
    refused = {each.event_id for each in rejected}
    raw_fixes.add(
        tx,
        [fix for fix in taken if fix.event_id not in refused],
        device_id=whose.device_id,
        customer_id=whose.customer_id,
        brand_id=whose.brand_id,
        now=now,
    )


def _walk(
    position: Position | None,
    fixes: Sequence[Fix],
    fences: Fences,
    now: datetime,
    watch: places.Watch,
) -> Walk:
    before = _state.decode(position.state) if position else DeviceState()
    state = before
    told: list[Transition] = []
    rejected: list[Rejected] = []
    for fix in fixes:
        state, happened, refused = step(state, fix, fences, now=now)
        told += happened
        if refused:
            rejected.append(Rejected(event_id=fix.event_id, code=refused))
        else:
            watch.see(state.last)
    return Walk(state, tuple(told), tuple(rejected), moved=state is not before)


def _position(whose: Whose, state: DeviceState, stay: bytes | None, now: datetime) -> Position:
    last = state.last
    assert last is not None, "a state that fixes or time have changed has a last fix"
    return Position(
        device_id=whose.device_id,
        brand_id=whose.brand_id,
        customer_id=whose.customer_id,
        latitude=last.lat,
        longitude=last.lon,
        accuracy_m=last.accuracy_m,
        occurred_at=datetime.fromtimestamp(last.at, UTC),
        state=_pack.encode(state),
        due_at=_due(state, now),
        stay=stay,
    )


def _due(state: DeviceState, now: datetime) -> datetime | None:
    """When time alone changes this state, which is saved at `now`.

    What is over by then belongs to a backlog, or to a time in which nothing ran: the phone's next request may say
    otherwise, so time waits for it.
    """
    due = min((at for at in (dwell_due(state), silence_due(state)) if at), default=None)
    return now + CATCHES_UP_WITHIN if due and due <= now else due
