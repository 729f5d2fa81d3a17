import re

import pytest
from openapi_spec_validator import validate

from domain import errors as refusals
from service import errors
from service.codes import CODES
from tests.integration.conftest import World


def test_the_openapi_document_is_valid_and_names_every_operation(world: World) -> None:
    document = world.nobody.get("/openapi.json").json
    validate(document)
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]
    assert [
        (path, method) for path, method, operation in operations if not operation.get("operationId")
    ] == []
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))


def test_the_docs_page_asks_nobody_but_us(world: World) -> None:
    page = world.nobody.get("/docs")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/static/"), address
        with world.nobody.get(address) as file:
            assert file.status_code == 200


def test_the_error_page_explains_every_code(world: World) -> None:
    page = world.nobody.get("/docs/errors").text
    kinds = [kind for kind in vars(refusals).values() if hasattr(kind, "code")]
    for code in [kind.code for kind in kinds if kind is not refusals.Refusal] + list(
        errors._CODES.values()
    ):
        assert code in CODES
        assert f'id="{code}"' in page


def test_the_service_says_that_it_is_alive(world: World) -> None:
    assert world.nobody.get("/healthz").json == {"status": "ok"}
    assert world.nobody.get("/readyz").status_code == 200


def test_metrics_count_requests_by_route(world: World) -> None:
    world.admin.get("/v1/stores/nowhere")
    text = world.nobody.get("/metrics").text
    assert 'route="/v1/stores/<external_id>",status="404"' in text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        pytest.param("GET", "/v1/nothing", None, 404, "not_found", id="no such path"),
        pytest.param("POST", "/v1/stores/x", "{}", 405, "method_not_allowed", id="wrong method"),
        pytest.param("PUT", "/v1/stores/x", "{", 400, "malformed", id="malformed JSON"),
        pytest.param("PUT", "/v1/stores/x", "[]", 422, "invalid", id="wrong JSON type"),
        pytest.param("PUT", "/v1/stores/x", "x" * 70_000, 413, "body_too_large", id="too large"),
    ],
)
def test_every_error_is_a_problem_document(
    world: World, method: str, path: str, body: str | None, status: int, code: str
) -> None:
    answer = world.admin(method, path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json["code"] == code
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
