"""What a person, or a program, sees of a running demo: moments, decisions and pushes as they happen."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from scheduler.telling.sentences import Audience, Voice
from storage import feed
from storage.engine import Database

POLL_S = 0.25
_COLOURS = {
    "moment": "cyan",
    "send": "green",
    "silence": "yellow",
    "hold": "yellow",
    "push": "magenta",
}


class Feed:
    """Prints lines as they come, from several threads; with `as_json` one object per line."""

    def __init__(self, *, as_json: bool, zone: ZoneInfo, now: Callable[[], datetime]) -> None:
        self._as_json = as_json
        self._zone = zone
        self._now = now
        self._lock = threading.Lock()

    def tell(self, kind: str, text: str, *, at: datetime | None = None, **fields: Any) -> None:
        """One line: `type` is `kind`; `fields` are for programs, `text` is for people."""
        when = at or self._now()
        if self._as_json:
            line = json.dumps(
                {"type": kind, "at": when.isoformat(), "text": text, **fields}, ensure_ascii=False
            )
        else:
            word = fields.get("outcome", kind)
            clock = when.astimezone(self._zone).strftime("%a %H:%M:%S")
            line = f"{clock}  {click.style(f'{word:8}', fg=_COLOURS.get(word))} {text}"
        with self._lock:
            click.echo(line)


def _hint(reasons: list[dict[str, Any]]) -> str:
    """What would have changed a silence: offer by offer where none fitted, else as the first reason says."""
    lacking = [f"“{each['offer']}”: {each['text']}" for each in reasons if each.get("offer")]
    if lacking:
        return " " + " ".join(lacking)
    change = reasons[0].get("would_change") if reasons else None
    return f" (would change it: {change})" if change else ""


class Watcher:
    """Looks at the store for what is new and tells the feed, until it is stopped."""

    def __init__(self, database: Database, lines: Feed) -> None:
        self._database = database
        self._lines = lines
        self._voice = Voice(Audience.MARKETER)
        self._last = feed.FIRST
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begins behind what is there already."""
        with self._database.read() as tx:
            self._last = feed.newest(tx)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            self.look()

    def look(self) -> None:
        """Tells what is new; from any thread."""
        with self._looking:
            with self._database.read() as tx:
                news = feed.decisions(tx, after=self._last)
            for seen in news:
                self._last = seen.id
                self._tell_moment(seen)
                self._tell_decision(seen)

    def _tell_moment(self, seen: feed.Seen) -> None:
        where = f" at {seen.store}" if seen.store else ""
        self._lines.tell(
            "moment",
            f"{seen.customer}: {seen.cause}{where}",
            at=seen.due_at,
            id=seen.moment_id,
            cause=seen.cause,
            customer=seen.customer,
            store=seen.store,
        )

    def _tell_decision(self, seen: feed.Seen) -> None:
        reasons = [self._voice.plain(reason) for reason in seen.reasons]
        first = reasons[0] if reasons else {}
        sends = seen.outcome == "send"
        about = f"“{seen.offer}” to " if sends else ""
        hint = f" {first['account']}" if first.get("account") else _hint(reasons)
        self._lines.tell(
            "decision",
            f"{about}{seen.customer}: {first.get('text', '')}{hint}",
            at=seen.decided_at,
            id=seen.id,
            moment=seen.moment_id,
            outcome=seen.outcome,
            cause=seen.cause,
            customer=seen.customer,
            offer=seen.offer,
            store=seen.store,
            reasons=reasons,
        )
