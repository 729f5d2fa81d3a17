"""The Flask application: every blueprint with its credential, the OpenAPI document and the docs page."""

import uuid
from collections.abc import Callable

from flask import Flask, Response, g, request
from flask_smorest import Blueprint

from service import errors
from service.api import stores
from service.auth import Authenticator
from service.parts import Parts

BODY_LIMIT = 64 * 1024

_CONFIG = {
    "API_TITLE": "Whenabouts",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
    "MAX_CONTENT_LENGTH": BODY_LIMIT,
}

_BLUEPRINTS: tuple[Callable[[Parts, Authenticator], Blueprint], ...] = (stores.blueprint,)


def create_app(parts: Parts) -> Flask:
    """The WSGI application over `parts`. Nobody but the wiring imports this."""
    app = Flask("service")
    app.config.update(_CONFIG)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    auth = Authenticator(parts.database, parts.clock)
    api = errors.Api(app)
    for blueprint in _BLUEPRINTS:
        api.register_blueprint(blueprint(parts, auth))
    errors.install(app)
    app.before_request(_name_request)
    app.after_request(_finish)
    return app


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if given.isalnum() and len(given) <= 64 else uuid.uuid4().hex


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
