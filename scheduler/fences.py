"""The fences of each brand in memory: immutable snapshots that follow what is edited, in this process or another."""

import threading
import time
from collections import ChainMap, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import structlog

from domain.errors import Invalid
from geofence.index import FenceIndex
from geofence.live import LiveIndex
from geofence.packed import Shape
from geofence.shapes import parse_shape
from geofence.transitions import Fences
from storage import fences as storage
from storage import geofences
from storage.engine import Database, Transaction
from storage.fences import Edit, Outline

MOST_BRANDS = 64  # whose fences are kept; one more pushes out whoever was asked for longest ago
AT_ONCE = 1_000  # edits that whoever asks waits for: some twenty milliseconds
PATIENCE_S = 0.1  # for more than these; then the fences as they were before have to do, until the new are there
_LOOK_AGAIN_S = 0.05
MOST_FRESH = 1_000  # changed waits that lie over the others

Waits = Mapping[str, float | None]

_log = structlog.get_logger()


class Snapshot(NamedTuple):
    """A brand's active fences as they were at `revision`, or newer."""

    revision: int
    fences: Fences


_NONE = Snapshot(0, Fences(FenceIndex()))


class FenceCache:
    """Snapshots by brand; any thread may ask. Loading never happens inside a caller's transaction."""

    def __init__(
        self,
        database: Database,
        *,
        most_brands: int = MOST_BRANDS,
        at_once: int = AT_ONCE,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._most = most_brands
        self._at_once = at_once
        self._patience_s = patience_s
        self._followed: OrderedDict[str, Followed] = OrderedDict()
        self._lock = threading.Lock()

    def held(self, brand_id: str) -> Snapshot:
        """What is in memory, without a look at the database; of a brand not held, no fences at revision 0."""
        with self._lock:
            if brand_id not in self._followed:
                return _NONE
            self._followed.move_to_end(brand_id)
            return self._followed[brand_id].snapshot

    def at_least(self, brand_id: str, revision: int) -> Snapshot:
        """The snapshot in memory, brought up to `revision` or beyond; one thread reads, others wait.

        Where very many fences were edited at once, an older snapshot is given for the second or two that reading
        them takes, so that matching goes on.
        """
        snapshot = self.held(brand_id)
        return snapshot if snapshot.revision >= revision else self._of(brand_id).at_least(revision)

    def newest(self, brand_id: str) -> Snapshot:
        """The snapshot of this moment, as `at_least` gives it."""
        return self.at_least(brand_id, self._revision(brand_id))

    def complete(self, brand_id: str, *, within_s: float) -> tuple[Snapshot, bool]:
        """The snapshot of this moment, waited for; and whether it has come in time, else it is an older one."""
        revision, until = self._revision(brand_id), time.monotonic() + within_s
        snapshot = self.at_least(brand_id, revision)
        while snapshot.revision < revision and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_S)
            snapshot = self.at_least(brand_id, revision)
        return snapshot, snapshot.revision >= revision

    def _revision(self, brand_id: str) -> int:
        with self._database.read() as tx:
            return geofences.revision(tx, brand_id)

    def _of(self, brand_id: str) -> "Followed":
        with self._lock:
            if brand_id not in self._followed:
                self._followed[brand_id] = Followed(
                    self._database, brand_id, self._at_once, self._patience_s
                )
            followed = self._followed[brand_id]
            self._followed.move_to_end(brand_id)
            while len(self._followed) > self._most:
                self._followed.popitem(last=False)
            return followed


class Followed:
    """One brand's fences: read whole once, and then what was edited."""

    def __init__(self, database: Database, brand_id: str, at_once: int, patience_s: float) -> None:
        self._database = database
        self._brand_id = brand_id
        self._at_once = at_once
        self._patience_s = patience_s
        self._live = LiveIndex(_NONE.fences.index)
        self._snapshot = _NONE
        self._lock = threading.Lock()
        self._following = threading.Lock()  # held by whoever brings the snapshot up to date
        self._long: LongRead | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The newest, on the index of the latest merge; costs nothing."""
        with self._lock:
            index = self._live.current
            if index is not self._snapshot.fences.index:
                self._snapshot = _over(self._snapshot, index)
            return self._snapshot

    def at_least(self, revision: int) -> Snapshot:
        """As `FenceCache.at_least`."""
        if self.snapshot.revision < revision:
            with self._following:
                self._follow(revision)
            if self._long:
                self._long.wait()
        return self.snapshot

    def _follow(self, revision: int) -> None:
        since = self.snapshot.revision
        if since >= revision or (self._long and self._long.is_alive()):
            return
        with self._database.read() as tx:
            edits = storage.how_many_edits(tx, self._brand_id, since) if since else None
            if edits is not None and edits <= self._at_once:
                self._read_edits(tx)
                return
        # Where half of everything is new, reading everything is cheaper than changing it.
        few = edits is not None and edits <= len(self._live.current) / 2
        read = partial(self._read, self._read_edits if few else self._read_all)
        if since:
            self._long = LongRead(read, self._patience_s)
        else:
            read()

    def _read(self, read: Callable[[Transaction], None]) -> None:
        with self._database.read() as tx:
            read(tx)

    def _read_all(self, tx: Transaction) -> None:
        revision = geofences.revision(tx, self._brand_id)
        fences = _whole(storage.outlines(tx, self._brand_id))
        with self._lock:
            self._live = LiveIndex(fences.index)
            self._snapshot = Snapshot(revision, fences)

    def _read_edits(self, tx: Transaction) -> None:
        old = self.snapshot
        revision = geofences.revision(tx, self._brand_id)
        edits = list(storage.edits(tx, self._brand_id, old.revision))
        waits = _waits(old.fences.dwell_s, edits)
        # First the waits: who looks meanwhile may see the new index, and must not enter a fence without its dwell.
        self._show(old.revision, self._live.current, waits)
        self._show(revision, _changed(self._live, edits), waits)

    def _show(self, revision: int, index: FenceIndex, waits: Waits) -> None:
        with self._lock:
            self._snapshot = Snapshot(revision, Fences(index, waits))


class LongRead(threading.Thread):
    """Reads in the background; `wait` is over once it has taken `patience_s`, whoever asks."""

    def __init__(self, read: Callable[[], None], patience_s: float) -> None:
        super().__init__(target=read, name="fences", daemon=True)
        self._until = time.monotonic() + patience_s
        self.start()

    def wait(self) -> None:
        self.join(max(0.0, self._until - time.monotonic()))


def _over(snapshot: Snapshot, index: FenceIndex) -> Snapshot:
    return Snapshot(snapshot.revision, Fences(index, snapshot.fences.dwell_s))


def _whole(outlines: Iterable[Outline]) -> Fences:
    shapes: list[tuple[str, Shape]] = []
    dwell_s: dict[str, float | None] = {}
    for outline in outlines:
        shape = _shape(outline)
        if shape is not None:
            shapes.append((outline.id, shape))
        if outline.dwell_s is not None:
            dwell_s[outline.id] = outline.dwell_s
    return Fences(FenceIndex(shapes), dwell_s)


def _changed(live: LiveIndex, edits: Iterable[Edit]) -> FenceIndex:
    shapes = {edit.fence_id: _shape(edit.outline) for edit in edits}
    put = [(name, shape) for name, shape in shapes.items() if shape is not None]
    return live.change(put, [name for name, shape in shapes.items() if shape is None])


def _waits(old: Waits, edits: Iterable[Edit]) -> Waits:
    """The dwells after these edits; those that changed of late lie in a small layer over the others."""
    now = {edit.fence_id: edit.outline and edit.outline.dwell_s for edit in edits}
    changed = {name: wait for name, wait in now.items() if wait != old.get(name)}
    if not changed:
        return old
    layers = old.maps if isinstance(old, ChainMap) else [{}, dict(old)]
    fresh, others = {**layers[0], **changed}, layers[1]
    if len(fresh) <= MOST_FRESH:
        return ChainMap(fresh, others)
    return {name: wait for name, wait in {**others, **fresh}.items() if wait is not None}


def _shape(outline: Outline | None) -> Shape | None:
    if outline is None:
        return None
    try:
        return parse_shape(outline.shape)
    except Invalid as error:  # saved under older, laxer rules: the other fences go on working
        _log.error("fence_unusable", geofence_id=outline.id, detail=error.detail)
        return None
