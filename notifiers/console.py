"""A way out for a first look: each push becomes one line of text, and no phone is needed."""

import sys
import threading
from typing import TextIO

from domain.messages import DeliveryStatus, Envelope, Outcome


class ConsoleNotifier:
    """Writes title and body, never the target: a push token is as secret on a terminal as in a log."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._lock = threading.Lock()

    def send(self, envelope: Envelope) -> Outcome:
        try:
            self._write(_line(envelope))
        except OSError as error:
            return Outcome(
                status=DeliveryStatus.UNAVAILABLE,
                error_code="CONSOLE_CLOSED",
                detail=f"the console takes no more text: {error}",
            )
        return Outcome(
            status=DeliveryStatus.ACCEPTED, provider_id=f"console/{envelope.delivery_id}"
        )

    def close(self) -> None:
        """Nothing to free; the stream belongs to the process."""

    def _write(self, line: str) -> None:
        # Standard output is looked up late, since a process may redirect it after the wiring.
        out = self._out or sys.stdout
        with self._lock:
            out.write(line)
            out.flush()


def _line(envelope: Envelope) -> str:
    push = envelope.push
    text = " · ".join(part for part in (push.title, push.body) if part)
    return f"push {envelope.message_id} to {envelope.platform} ({envelope.project}): {_one_line(text)}\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
