"""The service is what its OpenAPI document says, whatever is sent: no server error, and every answer as documented.

Schemathesis makes the requests from the document: right ones, wrong ones, and the edges between. They are the same in
each run.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from domain.access import CredentialKind, Scope
from domain.clock import Clock, SystemClock
from domain.people import Mode, Purpose
from domain.settings import Settings
from service.app import create_app
from service.wiring import Process
from storage import brands, keys
from tests.integration.conftest import Caller, Install, statement

ENDING = {"erase_me", "sign_out_device"}  # each spends the credential it is called with
HERE = {"latitude": 60.1841, "longitude": 24.9499}
_BOUNDED = settings(
    max_examples=4, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)


class Town:
    """A whole service with a brand, a store, an offer, and a person who has got a push."""

    def __init__(self, process: Process, clock: Clock) -> None:
        self._database = process.database
        self._clock = clock
        self.application = create_app(process.parts)
        self._client = self.application.test_client()
        brand = self._database.write(
            lambda tx: brands.create(
                tx,
                slug="soup",
                name="Soup",
                time_zone="Europe/Helsinki",
                now=clock.now(),
                fcm_project="demo",
            )
        )
        self.admin = self._key(brand.id, CredentialKind.SECRET)
        self.app = self._key(brand.id, CredentialKind.PUBLISHABLE)
        self.device = self.new_device()
        self.known = self._furnish()

    def new_device(self) -> Install:
        """Another phone, whose person allows everything."""
        target = {"kind": "token", "value": f"token-{uuid4().hex}"}
        answer = self.app.post("/v1/devices", {"platform": "android", "target": target})
        assert answer.status_code == 201, answer.json
        device = Install(self._client, answer.json)
        entries = [statement(purpose, True, self._clock.now()) for purpose in Purpose]
        assert device.post("/v1/consents", {"entries": entries}).status_code == 201
        return device

    def _key(self, brand_id: str, kind: CredentialKind) -> Caller:
        scopes = tuple(Scope) if kind is CredentialKind.SECRET else ()
        _, text = self._database.write(
            lambda tx: keys.create(
                tx,
                brand_id=brand_id,
                kind=kind,
                mode=Mode.LIVE,
                scopes=scopes,
                now=self._clock.now(),
            )
        )
        return Caller(self._client, text)

    def _furnish(self) -> dict[str, dict[str, str]]:
        """What there is to ask for, by tag and parameter."""
        circle = {
            "type": "circle",
            "center": [HERE["longitude"], HERE["latitude"]],
            "radius_m": 120,
        }
        text = {"en": "Soup?"}
        offer = {
            "kind": "discount",
            "title": text,
            "body": text,
            "value": {"margin": 9, "discount": 1},
        }
        policy = {"holdout_share": 0, "exploration": 0, "interruption_price": 0, "hold": False}
        for path, body in {
            "/v1/stores/kallio": {"name": "Kallio", **HERE},
            "/v1/geofences/kallio": {"store": "kallio", "shape": circle},
            "/v1/items/soup": {"name": "Soup", "category": "soup"},
            "/v1/offers/soup": offer,
            "/v1/customers/c-1": {"first_name": "Aino"},
            "/v1/engine": policy,
            "/v1/webhooks/mail": {"url": "https://hooks.invalid/"},
        }.items():
            answer = self.admin.put(path, body)
            assert answer.status_code in (200, 201), answer.json
        decision = self._decided()
        return {
            **{tag: {"external_id": "kallio"} for tag in ("stores", "geofences")},
            "items": {"sku": "soup"},
            "webhooks": {"external_id": "mail"},
            "offers": {"external_id": "soup"},
            "customers": {"external_id": "c-1"},
            "decisions": {"decision_id": decision["id"]},
            "me": {"decision_id": decision["id"]},
            "messages": {"message_id": decision["message_id"]},
            "keys": {"key_id": self.admin.get("/v1/keys").json["data"][0]["id"]},
            "imports": {"kind": "stores"},
            "exports": {"kind": "stores"},
        }

    def _decided(self) -> dict[str, Any]:
        """The decision that a walk into the fence leads to."""
        fix = {
            **HERE,
            "event_id": str(uuid4()),
            "accuracy_m": 5,
            "occurred_at": self._clock.now().isoformat(),
        }
        assert self.device.post("/v1/locations", {"fixes": [fix]}).json["transitions"]
        until = time.monotonic() + 60
        while not (decisions := self.device.get("/v1/me/decisions").json["data"]):
            assert time.monotonic() < until, "nothing was decided"
            time.sleep(0.1)
        decision = self.admin.get(f"/v1/decisions/{decisions[0]['id']}").json
        assert decision["message_id"], decision
        return decision


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    chosen = Settings(
        data_dir=str(folder),
        database_url=f"sqlite:///{folder}/town.sqlite3",
        bind="127.0.0.1:0",
        fcm_transport="memory",
        register_per_minute=1_000_000,
    )
    clock = SystemClock()
    process = Process(chosen, clock=clock)
    process.start()
    try:
        yield Town(process, clock)
    finally:
        process.stop()


def document(town: Town, **phases: Any) -> Any:
    """What Schemathesis makes of the document that the service serves, and sends to that service."""
    import schemathesis
    from schemathesis.config import (
        PhasesConfig,
        ProjectConfig,
        ProjectsConfig,
        SchemathesisConfig,
    )

    project = ProjectConfig(phases=PhasesConfig(**phases))
    return schemathesis.openapi.from_wsgi(
        "/openapi.json",
        town.application,
        config=SchemathesisConfig(projects=ProjectsConfig(default=project)),
    )


@pytest.fixture(scope="module")
def documented(town: Town) -> Any:
    return document(town)


@pytest.fixture(scope="module")
def documented_at_random(town: Town) -> Any:
    from schemathesis.config import CoveragePhaseConfig

    return document(town, coverage=CoveragePhaseConfig(enabled=False))


@cache
def checks() -> list[Any]:
    """What every answer is held against."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    return [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]


def credential(case: Any, town: Town) -> dict[str, str]:
    """The header of the first whom the document lets call the operation."""
    operation = case.operation.definition.raw
    callers = {"publishable": town.app, "device": town.device, "secret": town.admin}
    (first, *_) = operation["security"][0]
    caller = town.new_device() if operation["operationId"] in ENDING else callers[first]
    return {"Authorization": f"Bearer {caller.credential}"}


def check(case: Any, town: Town) -> None:
    answer = case.call(headers=credential(case, town))
    case.validate_response(answer, checks=checks())
    if answer.status_code == 403:
        assert answer.json()["code"] not in ("wrong_credential", "scope_missing")


def each_operation(
    schema: Any, town: Town, send: Callable[..., None], subtests: pytest.Subtests
) -> None:
    """Sends what is thought up for each operation. When a worker collects its tests is too soon to think."""
    from schemathesis.pytest.lazy import get_all_tests

    for made in get_all_tests(schema=schema, test_func=send, settings=_BOUNDED, given_kwargs=None):
        operation, test = made.ok()
        with subtests.test(operation.label):
            test(town=town)


def test_whatever_is_sent_is_answered_as_documented(
    documented: Any, town: Town, subtests: pytest.Subtests
) -> None:
    each_operation(documented, town, check, subtests)


def test_whatever_is_sent_about_what_there_is_is_answered_as_documented(
    documented_at_random: Any, town: Town, subtests: pytest.Subtests
) -> None:
    def about_what_there_is(case: Any, town: Town) -> None:
        (tag,) = case.operation.definition.raw["tags"]
        case.path_parameters = dict(town.known[tag])
        check(case, town)

    some = documented_at_random.include(path_regex=r"\{", method_regex="GET|PUT|POST")
    each_operation(some, town, about_what_there_is, subtests)


def test_every_operation_is_documented_with_what_it_answers(documented: Any) -> None:
    """Were the document empty, the tests above would have nothing to say."""
    operations = [result.ok() for result in documented.get_all_operations()]
    assert len(operations) > 40
    for operation in operations:
        answers = operation.definition.raw["responses"]
        assert "default" in answers, operation.label
        assert operation.definition.raw["security"], operation.label
        assert [status for status in answers if status.startswith("2")], operation.label
