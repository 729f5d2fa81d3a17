"""Pages for people and machines that watch: API reference, error codes, health."""

from flask import Blueprint, Flask, Response, jsonify, redirect, send_from_directory
from flask.typing import ResponseReturnValue

from service.codes import CODES
from service.parts import Parts

_CSP = "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'"
_DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Whenabouts API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/static/swagger/favicon-32x32.png">
<link rel="stylesheet" href="/static/swagger/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/static/swagger/swagger-ui-bundle.js"></script>
<script src="/static/swagger/init.js"></script></body></html>"""


def install(app: Flask, parts: Parts) -> None:
    """Adds `/docs`, `/docs/errors`, `/healthz` and `/readyz`; none of them wants a credential."""
    pages = Blueprint("pages", __name__)
    pages.add_url_rule("/", "root", lambda: redirect("/docs"))
    pages.add_url_rule("/docs", "docs", _docs)
    pages.add_url_rule("/docs/errors", "errors", _errors)
    pages.add_url_rule("/static/<path:name>", "static_file", _static)
    pages.add_url_rule("/healthz", "healthz", lambda: jsonify(status="ok"))
    pages.add_url_rule("/readyz", "readyz", lambda: _ready(parts))
    app.register_blueprint(pages)


def _docs() -> Response:
    return html(_DOCS)


def _errors() -> Response:
    """Every stable error code with its meaning; the `type` of each problem document points here."""
    rows = "".join(
        f'<dt id="{code}"><code>{code}</code></dt><dd>{text}</dd>' for code, text in CODES.items()
    )
    return html(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Error codes</title></head><body><h1>Error codes</h1><dl>{rows}</dl></body></html>'
    )


def _static(name: str) -> Response:
    return send_from_directory("static", name, max_age=86400)


def _ready(parts: Parts) -> ResponseReturnValue:
    """200 where everything is ready to work, else 503 naming what is not."""
    missing = parts.ready()
    return jsonify(ready=not missing, missing=missing), 503 if missing else 200


def html(text: str) -> Response:
    """A page that may load nothing from elsewhere and may not be framed."""
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _CSP
    return response
