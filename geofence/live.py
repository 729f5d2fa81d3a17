"""The newest index of a brand, for many threads: changes are cheap, merging happens in the background."""

from collections.abc import Hashable, Iterable
from threading import Lock, Thread
from typing import Any

from geofence.index import FenceIndex
from geofence.packed import Shape


class LiveIndex:
    """Holds one `FenceIndex` after the other. Reading `current` never waits for a change or a merge."""

    def __init__(self, index: FenceIndex) -> None:
        self._current = index
        self._lock = Lock()
        self._merge: Thread | None = None
        self._missed: dict[Any, Shape | None] = {}

    @property
    def current(self) -> FenceIndex:
        """The index with every change so far."""
        return self._current

    def change(
        self,
        upserts: Iterable[tuple[Hashable, Shape]] = (),
        removals: Iterable[Hashable] = (),
    ) -> FenceIndex:
        """Applies changes and answers the new index; starts a merge where one is due."""
        put, gone = list(upserts), list(removals)
        with self._lock:
            self._current = self._current.with_changes(put, gone)
            if self._merge is not None:
                self._missed |= {**dict.fromkeys(gone), **dict(put)}
            elif self._current.crowded:
                self._merge = Thread(
                    target=self._run, args=(self._current,), name="fence-merge", daemon=True
                )
                self._merge.start()
            return self._current

    def settle(self) -> None:
        """Waits for a merge under way, if there is one."""
        merge = self._merge
        if merge is not None:
            merge.join()

    def _run(self, crowded: FenceIndex) -> None:
        merged = crowded.merged()
        with self._lock:
            missed, self._missed, self._merge = self._missed, {}, None
            put = [(name, shape) for name, shape in missed.items() if shape is not None]
            gone = [name for name, shape in missed.items() if shape is None]
            self._current = merged.with_changes(put, gone)
