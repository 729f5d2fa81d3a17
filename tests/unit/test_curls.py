"""Every `curl` of the documentation calls an operation that exists, with a query and a body that it takes."""

import json
import re
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from tests.documents import PAGES, Call, calls
from tests.openapi import Document

OURS = re.compile(r"(?:\$\{?URL\}?|http://127\.0\.0\.1:8080)(/[^?]*)(\?.*)?")
CALLS = [call for page in PAGES for call in calls(page) if OURS.fullmatch(call.url)]
CALLERS = {
    "Authorization: Bearer $APP_KEY": ("publishable",),
    "$DEVICE": ("device",),
    "$ADMIN": ("secret", "admin", "read"),
    "$INGEST": ("secret", "ingest"),
}
_QUERY = re.compile(r"[?&](\w+)=")
_PAGES_OF_THE_SERVICE = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/errors",
}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return Document.served(tmp_path_factory.mktemp("api"))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=f"{number}: {call.page} {call.method} {call.url}")
        for number, call in enumerate(CALLS)
    ],
)
def test_a_documented_curl_calls_an_operation_with_a_body_that_it_takes(
    call: Call, document: Document
) -> None:
    address = OURS.fullmatch(call.url)
    assert address
    if address[1] in _PAGES_OF_THE_SERVICE:
        return
    operation = document.operation(call.method, address[1])
    assert operation, f"there is no {call.method} {address[1]}"
    assert set(_QUERY.findall(address[2] or "")) <= document.query(operation)
    assert document.may_call(operation, *CALLERS[call.headers[0]])
    if call.body and call.body.startswith("{"):
        schema = document.body(operation)
        assert schema
        OAS31Validator(schema).validate(_body(call.body))


def test_the_pages_call_the_service_many_times() -> None:
    """Were the parser blind, the test above would have nothing to say."""
    assert len(CALLS) >= 40


def _body(text: str) -> Any:
    """The body of a curl, with something in the place of what the shell would put there."""
    when = "2026-05-06T12:00:00+03:00"
    entry = {
        "purpose": "push",
        "granted": True,
        "wording": "…",
        "wording_version": "1",
        "locale": "en",
    }
    said = json.dumps({**entry, "source": "app", "occurred_at": when})
    text = re.sub(r"\$\(said [^)]*\)", said.replace("\\", r"\\"), text)
    text = text.replace("$(now)", when).replace("$(uuid)", "01980a4e-3b60-7a3e-9d2e-6f1c2b8a9d01")
    return json.loads(re.sub(r"\$\{?\w+\}?", "x", text))
