"""The fences of each brand in memory: immutable snapshots, loaded again when they have changed."""

import threading
from collections import OrderedDict, defaultdict
from typing import NamedTuple

import structlog

from domain.errors import Invalid
from geofence.index import FenceIndex
from geofence.shapes import parse_shape
from geofence.transitions import Fences
from storage import fences as storage
from storage import geofences
from storage.engine import Database, Transaction

MOST_BRANDS = 64  # whose fences are kept; one more pushes out whoever was asked for longest ago

_log = structlog.get_logger()


class Snapshot(NamedTuple):
    """A brand's active fences as they were at `revision`, or newer."""

    revision: int
    fences: Fences


_NONE = Snapshot(0, Fences(FenceIndex()))


class FenceCache:
    """Snapshots by brand; any thread may ask. Loading never happens inside a caller's transaction."""

    def __init__(self, database: Database, *, most_brands: int = MOST_BRANDS) -> None:
        self._database = database
        self._most = most_brands
        self._held: OrderedDict[str, Snapshot] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def held(self, brand_id: str) -> Snapshot:
        """What is in memory, without a look at the database; of a brand not held, no fences at revision 0."""
        with self._lock:
            if brand_id not in self._held:
                return _NONE
            self._held.move_to_end(brand_id)
            return self._held[brand_id]

    def at_least(self, brand_id: str, revision: int) -> Snapshot:
        """The snapshot in memory, loaded again where it is older than `revision`; one thread loads, others wait."""
        snapshot = self.held(brand_id)
        if snapshot.revision >= revision:
            return snapshot
        with self._lock:
            loading = self._loading[brand_id]
        with loading:
            snapshot = self.held(brand_id)
            return snapshot if snapshot.revision >= revision else self._load(brand_id)

    def newest(self, brand_id: str) -> Snapshot:
        """The snapshot of this moment."""
        with self._database.read() as tx:
            revision = geofences.revision(tx, brand_id)
        return self.at_least(brand_id, revision)

    def _load(self, brand_id: str) -> Snapshot:
        with self._database.read() as tx:
            snapshot = Snapshot(geofences.revision(tx, brand_id), _read(tx, brand_id))
        with self._lock:
            self._held[brand_id] = snapshot
            self._held.move_to_end(brand_id)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return snapshot


def _read(tx: Transaction, brand_id: str) -> Fences:
    shapes = []
    dwell_s: dict[str, float] = {}
    for outline in storage.outlines(tx, brand_id):
        try:
            shapes.append((outline.id, parse_shape(outline.shape)))
        except Invalid as error:  # saved under older, laxer rules: the other fences go on working
            _log.error("fence_unusable", geofence_id=outline.id, detail=error.detail)
        if outline.dwell_s is not None:
            dwell_s[outline.id] = outline.dwell_s
    return Fences(FenceIndex(shapes), dwell_s)
