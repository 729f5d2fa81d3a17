"""What the emulator answers to a request, whichever HTTP it came by."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from notifiers.emulator.errors import NO_SUCH_METHOD
from notifiers.emulator.fcm import HTML, JSON, Fcm, Reply
from notifiers.emulator.page import POLICY
from notifiers.emulator.scenario import Scenario
from notifiers.emulator.shades import Shade

LARGEST_BODY = 1024 * 1024

_SEND = re.compile(r"/v1/projects/([^/]+)/messages:send")
_FILTERS = ("target", "project", "since", "kind")


def answer(
    fcm: Fcm, method: str, target: str, *, authorization: str | None = None, body: bytes = b""
) -> Reply:
    """The reply to one request; `target` is its path with the query."""
    url = urlsplit(target)
    match method:
        case "GET":
            return _read(fcm, url.path, url.query)
        case "POST":
            return _send(fcm, unquote(url.path), authorization, body)
        case "PUT" if url.path == "/scenario":
            return _follow(fcm, body)
        case "DELETE" if url.path == "/scenario":
            fcm.follow(Scenario())
            return Reply(status=HTTPStatus.NO_CONTENT)
        case "DELETE" if url.path == "/inbox":
            fcm.reset()
            return Reply(status=HTTPStatus.NO_CONTENT)
        case "PUT":
            return Reply(status=HTTPStatus.NOT_IMPLEMENTED)
        case _:
            return _no_such_method()


def _send(fcm: Fcm, path: str, authorization: str | None, body: bytes) -> Reply:
    if path == "/token":
        return fcm.token(body)
    match = _SEND.fullmatch(path)
    return fcm.send(match[1], authorization, body) if match else _no_such_method()


def _read(fcm: Fcm, path: str, query: str) -> Reply:
    filters = {k: v for k, v in parse_qsl(query) if k in _FILTERS}
    try:
        match path:
            case "/":
                return _page(fcm, dict(parse_qsl(query)))
            case "/healthz":
                return _document({"status": "ok"})
            case "/inbox":
                return _document({"data": fcm.inbox(filters)})
            case "/requests":
                return _document({"data": fcm.requests(filters), "total": fcm.total})
            case "/scenario":
                return _document(msgspec.to_builtins(fcm.scenario))
            case _:
                return _no_such_method()
    except ValueError as error:
        return _wrong(str(error))


def _follow(fcm: Fcm, body: bytes) -> Reply:
    try:
        fcm.follow(msgspec.json.decode(body, type=Scenario))
    except (msgspec.DecodeError, ValueError) as error:
        return _wrong(str(error))
    return _document(msgspec.to_builtins(fcm.scenario))


def _page(fcm: Fcm, asked: Mapping[str, str]) -> Reply:
    chosen = asked.get("as", Shade.ANDROID)
    shade = Shade(chosen) if chosen in tuple(Shade) else Shade.ANDROID
    page = fcm.page(shade, asked.get("find", ""))
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return Reply(body=page.encode("utf-8", "replace"), content_type=HTML, headers=headers)


def _document(content: Mapping[str, Any]) -> Reply:
    return Reply(body=_json(content), content_type=JSON, headers={"Cache-Control": "no-store"})


def _wrong(text: str) -> Reply:
    return Reply(status=HTTPStatus.BAD_REQUEST, body=_json({"error": text}))


def _no_such_method() -> Reply:
    return Reply(status=NO_SUCH_METHOD.http_status, body=_json(NO_SUCH_METHOD.body()))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
