"""FCM itself, without HTTP: a request in, a reply out, and what is remembered of it."""

import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain.clock import Clock
from domain.values import Value
from notifiers.emulator import errors, oauth, records
from notifiers.emulator.behaviour import COUNTED, Behaviour, Wire, asked_by, asks, of_itself
from notifiers.emulator.errors import FcmFailure, Refused
from notifiers.emulator.message import SendRequest, is_validation, parse
from notifiers.emulator.page import render
from notifiers.emulator.records import Notification, Phones, RequestLog
from notifiers.emulator.scenario import Scenario, Script
from notifiers.emulator.shades import Shade

JSON = "application/json; charset=UTF-8"
HTML = "text/html; charset=UTF-8"
_UNANSWERED = (Wire.HANG, Wire.RESET, Wire.LOST, Wire.REFUSE, Wire.GOAWAY)


class Reply(Value):
    """An answer, and what is to happen to the connection meanwhile. `number` is the request's in the log."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = {}
    wire: Wire = Wire.ANSWER
    delay_ms: int = 0
    counts: bool = False  # towards `goaway_every`


class Fcm:
    """Takes messages for any project, and shows what became of them. Safe for many threads."""

    def __init__(
        self,
        *,
        clock: Clock,
        allow_anonymous: bool = True,
        latency_ms: int = 0,
        keep: int = 10_000,
        on_push: Callable[[Notification], None] | None = None,
    ) -> None:
        self._clock = clock
        self._allow_anonymous = allow_anonymous
        self._latency_ms = latency_ms
        self._on_push = on_push
        self._phones = Phones(keep=keep)
        self._log = RequestLog(keep=keep)
        self._failures: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._keep = keep
        self._lock = threading.Lock()
        self._script = Script(Scenario())

    @property
    def scenario(self) -> Scenario:
        return self._script.scenario

    def follow(self, scenario: Scenario) -> None:
        """From the next message on."""
        self._script = Script(scenario)

    def send(self, project: str, authorization: str | None, body: bytes) -> Reply:
        """`POST /v1/projects/{project}/messages:send`"""
        number = self._log.arrived("send", at=self._clock.now(), project=project)
        try:
            self._authorize(project, authorization)
            request = parse(body)
        except Refused as refused:
            if is_validation(body):
                self._log.update(number, kind="validate", validate_only=True)
            return self._refuse(number, refused.failure)
        self._log.update(
            number,
            kind="validate" if request.validate_only else "send",
            target_kind=request.target_kind,
            target=request.target,
            validate_only=request.validate_only,
            authorized=authorization is not None,
        )
        return self._act(number, project, request)

    def token(self, form: bytes) -> Reply:
        """`POST /token`"""
        now = self._clock.now()
        number = self._log.arrived("token", at=now)
        try:
            granted = oauth.grant(form, now=now)
        except oauth.GrantRefused as refused:
            self._log.update(
                number, outcome="refused", status=400, error_code=refused.body["error"]
            )
            return Reply(status=400, body=_json(refused.body))
        self._log.update(number, outcome="accepted", status=200, authorized=True)
        return Reply(body=_json(granted))

    def inbox(self, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        """What the phones show now, newest first."""
        shown = self._phones.shown(now=self._clock.now(), filters=filters)
        return [_plain(notification) for notification in shown]

    def page(self, shade: Shade, find: str) -> str:
        """The phones as a page, with what has expired."""
        return render(self._phones.kept(), now=self._clock.now(), shade=shade, find=find)

    def requests(self, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        """Every POST still remembered, oldest first."""
        return [_plain(request) for request in self._log.listed(filters)]

    @property
    def total(self) -> int:
        """How many POSTs arrived since the start or the last reset."""
        return self._log.total

    def reset(self) -> None:
        """Empties the phones, the log and the memory of flaky targets."""
        self._phones.clear()
        self._log.clear()
        with self._lock:
            self._failures.clear()

    def _authorize(self, project: str, authorization: str | None) -> None:
        if authorization is None:
            if self._allow_anonymous:
                return
            raise errors.missing_credentials()
        scheme, _, token = authorization.partition(" ")
        account = oauth.account_of(token.strip(), now=self._clock.now())
        if scheme.lower() != "bearer" or account is None:
            raise errors.bad_credentials()
        if oauth.project_of(account) != project:
            raise errors.permission_denied(project)

    def _act(self, number: int, project: str, request: SendRequest) -> Reply:
        behaviour = self._behaviour(project, request)
        message_id = ""
        if behaviour.accepts:
            message_id = self._accept(project, request)
            self._log.update(number, outcome="accepted", message_id=message_id)
        if behaviour.wire in _UNANSWERED:
            self._log.update(number, outcome=behaviour.wire)
            delay_ms = self._latency_ms + behaviour.delay_ms
            return Reply(wire=behaviour.wire, delay_ms=delay_ms, counts=True)
        reply = self._reply(number, behaviour, message_id)
        return msgspec.structs.replace(
            reply,
            wire=behaviour.wire,
            delay_ms=self._latency_ms + behaviour.delay_ms,
            counts=True,
        )

    def _reply(self, number: int, behaviour: Behaviour, message_id: str) -> Reply:
        if behaviour.failure:
            return self._refuse(number, behaviour.failure, behaviour.retry_after_s)
        self._log.update(number, status=behaviour.status)
        if behaviour.body is not None:
            outcome = "accepted" if behaviour.accepts else "refused"
            self._log.update(number, outcome=outcome)
            return Reply(status=behaviour.status, body=behaviour.body, content_type=HTML)
        return Reply(body=_json({"name": message_id}))

    def _accept(self, project: str, request: SendRequest) -> str:
        if request.validate_only:
            return f"projects/{project}/messages/fake_message_id"
        now = self._clock.now()
        own = f"0:{int(now.timestamp() * 1_000_000)}%{secrets.token_hex(8)}"
        message_id = f"projects/{project}/messages/{own}"
        arrived = records.notification(request, message_id=message_id, project=project, now=now)
        self._phones.deliver(arrived)
        if self._on_push:
            self._on_push(arrived)
        return message_id

    def _refuse(self, number: int, failure: FcmFailure, retry_after_s: int | None = None) -> Reply:
        self._log.update(
            number, outcome="refused", status=failure.http_status, error_code=failure.error_code
        )
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        return Reply(status=failure.http_status, body=_json(failure.body()), headers=headers)

    def _behaviour(self, project: str, request: SendRequest) -> Behaviour:
        target = request.target
        if not asks(target):
            return self._script.behaviour(project, self._clock.now())
        if request.validate_only:
            return of_itself(target)
        with self._lock:
            failures = self._failures.get((project, target), 0)
            behaviour = asked_by(target, earlier_failures=failures)
            if target.partition("-")[0] in COUNTED:
                self._failures[project, target] = failures + 1
                while len(self._failures) > self._keep:
                    self._failures.popitem(last=False)
        return behaviour


def _plain(record: Value) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")
