"""The Flask application: every blueprint with its credential, the OpenAPI document and the docs page."""

import uuid
from collections.abc import Callable

from flask import Flask, Response, g, request
from flask_smorest import Blueprint

from service import errors, explaining, naming, pages
from service.api import (
    consents,
    customers,
    decisions,
    devices,
    dry_runs,
    engine,
    events,
    exports,
    geofences,
    imports,
    items,
    keys,
    locations,
    me,
    messages,
    nearby,
    offers,
    preferences,
    slots,
    stats,
    stores,
    uplift,
    webhooks,
)
from service.auth import SCHEMES, Authenticator
from service.parts import Parts

BODY_LIMIT = 64 * 1024

_CONFIG = {
    "API_TITLE": "Whenabouts",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
    "MAX_CONTENT_LENGTH": BODY_LIMIT,
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "Push offers for one person, at the right when and where, or silence."
        },
        "components": {"securitySchemes": SCHEMES},
    },
}

_BLUEPRINTS: tuple[Callable[[Parts, Authenticator], Blueprint], ...] = (
    stores.blueprint,
    geofences.blueprint,
    items.blueprint,
    offers.blueprint,
    dry_runs.blueprint,
    engine.blueprint,
    imports.blueprint,
    exports.blueprint,
    keys.blueprint,
    devices.blueprint,
    consents.blueprint,
    events.blueprint,
    locations.blueprint,
    nearby.blueprint,
    customers.blueprint,
    preferences.blueprint,
    me.blueprint,
    decisions.blueprint,
    messages.blueprint,
    stats.blueprint,
    slots.blueprint,
    uplift.blueprint,
    webhooks.blueprint,
)


def create_app(parts: Parts) -> Flask:
    """The WSGI application over `parts`. Nobody but the wiring imports this."""
    app = Flask("service", static_folder=None)
    app.config.update(_CONFIG)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    auth = Authenticator(parts.database, parts.clock)
    api = errors.Api(app)
    for blueprint in _BLUEPRINTS:
        api.register_blueprint(blueprint(parts, auth))
    errors.install(app)
    pages.install(app, parts)
    explaining.install(app, parts)
    parts.metrics.install(app)
    app.before_request(_name_request)
    app.before_request(naming.refuse_impossible)
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
