"""A way out that stays inside: test keys send here, and so do tests."""

import threading
from collections import deque
from collections.abc import Callable

from domain.messages import DeliveryStatus, Envelope, Outcome


def _accept(envelope: Envelope) -> Outcome:
    return Outcome(status=DeliveryStatus.ACCEPTED, provider_id=f"memory/{envelope.delivery_id}")


class MemoryNotifier:
    """Keeps the last `keep` envelopes and gives each the outcome that `answer` says (accepted, unless told)."""

    def __init__(
        self, *, answer: Callable[[Envelope], Outcome] = _accept, keep: int = 1000
    ) -> None:
        self._answer = answer
        self._sent: deque[Envelope] = deque(maxlen=keep)
        self._lock = threading.Lock()

    @property
    def sent(self) -> list[Envelope]:
        """What was sent, oldest first."""
        with self._lock:
            return list(self._sent)

    def send(self, envelope: Envelope) -> Outcome:
        with self._lock:
            self._sent.append(envelope)
        return self._answer(envelope)

    def close(self) -> None:
        """Nothing to free; what was sent stays readable."""
