"""The one table from what went wrong to what the caller is told (RFC 9457 problem documents)."""

from collections.abc import Iterator
from threading import Lock
from typing import Any

import flask_smorest
import marshmallow as ma
import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from domain.errors import (
    Busy,
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    Stale,
    TooMany,
    Unauthenticated,
)

PROBLEM = "application/problem+json"
STATUS: dict[type[Refusal], int] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Stale: 412,
    TooMany: 429,
    Busy: 503,
}
_CODES = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "wrong_content_type",
    422: "invalid",
    429: "too_many_requests",
}
_log = structlog.get_logger()


class FaultSchema(ma.Schema):
    pointer = ma.fields.Str(metadata={"description": "JSON pointer to the wrong place"})
    detail = ma.fields.Str(metadata={"description": "what is wrong there and how to mend it"})


class ProblemSchema(ma.Schema):
    """RFC 9457; `code` is stable, the sentences may improve."""

    type = ma.fields.Str()
    title = ma.fields.Str()
    status = ma.fields.Int()
    code = ma.fields.Str()
    detail = ma.fields.Str()
    errors = ma.fields.List(ma.fields.Nested(FaultSchema))
    request_id = ma.fields.Str()


def problem(
    status: int, title: str, code: str, detail: str, faults: tuple[Fault, ...] = ()
) -> Response:
    response = jsonify(
        type=f"/docs/errors#{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        errors=[{"pointer": fault.pointer, "detail": fault.detail} for fault in faults],
        request_id=g.get("request_id", ""),
    )
    response.status_code = status
    response.mimetype = PROBLEM
    return response


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest with problem documents instead of its own error bodies.

    The OpenAPI document is made when it is first asked for: it takes longer than all the rest of an application.
    """

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: Flask) -> None:
        self._blueprints: list[flask_smorest.Blueprint] = []
        self._documenting = Lock()
        super().__init__(app)

    def register_blueprint(self, blueprint: flask_smorest.Blueprint) -> None:
        """Serves it; the document follows."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._blueprints.append(blueprint)

    def _init_spec(self, **options: Any) -> None:
        self._spec_options = options

    def _openapi_json(self) -> Response:
        with self._documenting:
            if self.spec is None:
                self._document()
        answer: Response = super()._openapi_json()
        return answer

    def _document(self) -> None:
        super()._init_spec(**self._spec_options)
        for each in self._blueprints:
            each.register_views_in_doc(self, self._app, self.spec, name=each.name, parameters=None)
            self.spec.tag({"name": each.name, "description": each.description})

    def _register_responses(self) -> None:
        """Documents errors with the content type they really have; the hook offers no setting for it."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE  # back to the class's own

    def handle_http_exception(self, error: HTTPException) -> Response:
        data: dict[str, Any] = getattr(error, "data", None) or {}
        status = error.code or 500
        faults = tuple(
            fault
            for messages in (data.get("messages") or data.get("errors") or {}).values()
            for fault in pointers("", messages)
        )
        detail = data.get("message") or error.description or error.name
        if faults:
            detail = "Some fields are wrong; `errors` names each place."
        elif status == 413:
            detail = (
                f"The body has over {request.max_content_length or 0:,} bytes; send it in parts."
            )
        response = problem(status, error.name, _CODES.get(status, "error"), detail, faults)
        for name, value in error.get_headers():  # keeps Allow, Retry-After …
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response


def pointers(prefix: str, messages: Any) -> Iterator[Fault]:
    """Flattens marshmallow's nested messages into JSON pointers."""
    if isinstance(messages, dict):
        for key, value in messages.items():
            step = str(key).replace("~", "~0").replace("/", "~1")
            yield from pointers(prefix if key == "_schema" else f"{prefix}/{step}", value)
    elif isinstance(messages, list | tuple):
        for message in messages:
            yield from pointers(prefix, message)
    else:
        yield Fault(pointer=prefix, detail=str(messages))


def install(app: Flask) -> None:
    """Registers the handlers for our refusals and for what nobody foresaw."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(Exception, _failed)


def _refused(error: Refusal) -> Response:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    response = problem(status, type(error).__name__, error.code, error.detail, error.faults)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _too_deep(_error: RecursionError) -> Response:
    """Only the reading of a body goes as deep as its writer wants."""
    return problem(400, "Bad Request", "malformed", "The body is nested too deeply to be read.")


def _failed(error: Exception) -> Response:
    """Tells the caller only a number to quote; the cause goes to the log."""
    _log.error("request_failed", path=request.path, exc_info=error)
    return problem(
        500, "Internal error", "internal", "Something broke on our side; quote the request_id."
    )
