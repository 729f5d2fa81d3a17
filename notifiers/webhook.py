"""The webhook transport: a message, signed, to an address of the brand's own, which takes it to e-mail, an app's inbox or a till.

The form is that of Standard Webhooks (https://www.standardwebhooks.com), so that receivers verify it with any of its libraries.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from standardwebhooks.webhooks import Webhook as Signer

from domain.clock import Clock
from domain.ids import new_id
from domain.messages import DeliveryStatus, Envelope, Outcome
from domain.webhooks import Webhook
from notifiers import outcomes
from notifiers.address_guard import AddressGuard, AddressRefused
from notifiers.wire import AnswerLost, NeverSent, OneAttempt, TimedOut, Watchdog

TEST_EVENT = "webhook.test"
MESSAGE_EVENT = "message"
Webhooks = Callable[[str], Webhook | None]
"""From a webhook's id, which stands in the envelope for a phone's target, to what is known of it; None where it is gone."""

_OURS = ("decision_id", "message_id", "offer")  # of the push's data: they stand beside it


class WebhookNotifier:
    """Posts each envelope to its webhook: one POST, no redirection, no proxy, and only where the guard lets it.

    A send takes `timeout_s` at most, the look-up of the name apart. `webhooks` is asked at each send.
    """

    def __init__(
        self,
        *,
        webhooks: Webhooks,
        guard: AddressGuard,
        clock: Clock,
        timeout_s: float = 10.0,
        ca_file: str | None = None,
        connections: int = 32,
    ) -> None:
        self._webhooks = webhooks
        self._clock = clock
        self._timeout_s = timeout_s
        self._watchdog = Watchdog()
        self._closed = False
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._adapter = _Pinned(
            guard, timeout_s=timeout_s, connections=connections, watchdog=self._watchdog
        )
        self._trusted = ca_file or True

    def send(self, envelope: Envelope) -> Outcome:
        webhook = self._webhooks(envelope.target.value)
        if webhook is None:
            return outcomes.not_sent("WEBHOOK_GONE", "the webhook was deleted meanwhile")
        with self._counted(webhook.id):
            event = document(envelope, webhook, self._time())
            return self._post(webhook, envelope.message_id, event)

    def under_way(self, webhook_id: str) -> int:
        """How many POSTs to a webhook wait for their answer now."""
        with self._lock:
            return self._under_way[webhook_id]

    def test(self, webhook: Webhook) -> Outcome:
        """Sends an event that is about nobody, for `POST /v1/webhooks/{external_id}/test`."""
        event = {
            "type": TEST_EVENT,
            "timestamp": self._time(),
            "data": {"webhook": webhook.external_id},
        }
        return self._post(webhook, new_id(), event)

    def close(self) -> None:
        self._closed = True
        self._adapter.close()
        self._watchdog.close()

    @contextmanager
    def _counted(self, webhook_id: str) -> Iterator[None]:
        with self._lock:
            self._under_way[webhook_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[webhook_id] -= 1

    def _post(self, webhook: Webhook, event_id: str, event: dict[str, Any]) -> Outcome:
        if self._closed:
            return outcomes.not_sent("CLOSED", "the notifier is closed")
        try:
            body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
            headers = self._signed(webhook, event_id, body)
            request = requests.Request("POST", webhook.url, headers, data=body).prepare()
        except ValueError as error:
            return outcomes.unsendable(str(error))
        try:
            # Without a session there are no cookies, no redirections, no .netrc, and no proxy to look the name up anew.
            answer = self._adapter.send(request, verify=self._trusted)
        except NeverSent as error:
            refused = isinstance(error.__cause__, AddressRefused)
            return outcomes.not_sent("ADDRESS_REFUSED" if refused else "NOT_REACHED", str(error))
        except TimedOut:
            return outcomes.lost("TIMEOUT", f"no answer within {self._timeout_s:g} s")
        except AnswerLost as error:
            return outcomes.lost("CONNECTION_LOST", str(error))
        return _outcome(answer, event_id)

    def _signed(self, webhook: Webhook, event_id: str, body: bytes) -> dict[str, str]:
        """The headers that prove who sent this, and when; one signature for each secret that is in force."""
        now = self._clock.now()
        text = body.decode()
        signatures = [Signer(secret).sign(event_id, now, text) for secret in webhook.secrets(now)]
        return {
            "Content-Type": "application/json",
            "User-Agent": "Whenabouts",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _time(self) -> str:
        return _utc(self._clock.now())


def document(envelope: Envelope, webhook: Webhook, at: str) -> dict[str, Any]:
    """What a receiver gets of a message: for whom, what to say, until when. No position, no profile, no device."""
    data = envelope.push.data
    return {
        "type": MESSAGE_EVENT,
        "timestamp": at,
        "data": {
            "message_id": envelope.message_id,
            "decision_id": data.get("decision_id"),
            "mode": webhook.mode.value,
            "customer": envelope.customer,
            "offer": data.get("offer"),
            "title": envelope.push.title,
            "body": envelope.push.body,
            "data": {key: value for key, value in data.items() if key not in _OURS},
            "expires_at": _utc(envelope.expires_at),
        },
    }


class _Pinned(OneAttempt):
    """Connects to the address that the guard has checked, while TLS still proves the name."""

    def __init__(
        self, guard: AddressGuard, *, timeout_s: float, connections: int, watchdog: Watchdog
    ) -> None:
        self._guard = guard
        super().__init__(timeout_s=timeout_s, connections=connections, watchdog=watchdog)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        there, options = HTTPAdapter.build_connection_pool_key_attributes(
            self, request, verify, cert
        )
        scheme, host = there["scheme"], str(there["host"]).strip("[]")
        port = there["port"] or (443 if scheme == "https" else 80)
        pinned = {**there, "host": self._guard.pin(scheme, host, port)}
        request.headers["Host"] = urlsplit(request.url or "").netloc
        return pinned, {**options, "server_hostname": host} if scheme == "https" else options


def _outcome(answer: requests.Response, event_id: str) -> Outcome:
    status = answer.status_code
    if 200 <= status < 300:
        return outcomes.accepted(f"webhook/{event_id}")
    if status == 410:
        return Outcome(
            status=DeliveryStatus.REJECTED,
            error_code="HTTP_410",
            detail="the receiver wants nothing more (410): the webhook is disabled",
            retire=True,
        )
    # The body is the receiver's own and proves nothing.
    return outcomes.of_answer(status, b"", answer.headers)


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
