"""Roles that start in milliseconds, by a fork of a process that has imported everything, so that a test can kill many."""

import multiprocessing
import signal
from typing import Any

from domain.clock import SystemClock
from domain.settings import Settings
from service import logs
from service.wiring import Process

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


class Mortal:
    """One role as a process of its own, from the moment it is made."""

    def __init__(self, role: str, settings: Settings) -> None:
        self.role = role
        self._settings = settings
        self._process: Any = None
        self.start()

    def start(self) -> None:
        self._process = _forks.Process(target=_live, args=(self.role, self._settings), daemon=True)
        self._process.start()

    def kill(self) -> None:
        """SIGKILL; AssertionError where it had died of something else."""
        assert self._process.is_alive(), f"the {self.role} died by itself"
        self._process.kill()
        self._process.join(10)
        assert self._process.exitcode == -signal.SIGKILL


def _live(role: str, settings: Settings) -> None:
    logs.configure(settings.log_level)
    Process(settings, clock=SystemClock(), roles=(role,)).start()
    signal.pause()
