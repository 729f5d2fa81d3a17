"""One engine per SQLite file: a lock that the system releases when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path
from typing import IO

from domain.errors import Refusal


class EngineLock:
    """Holds `<file>.lock`; Refusal where another engine does. Commands that only read or write rows need no lock."""

    def __init__(self, database_file: Path) -> None:
        path = database_file.with_name(database_file.name + ".lock")
        self._file: IO[str] = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise Refusal(
                f"Another engine (process {holder}) works on {database_file}. Stop it first, or use "
                "PostgreSQL to run several."
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()
