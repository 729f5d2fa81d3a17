"""The hot path is read by msgspec and documented by marshmallow: one body, said twice."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest

from domain.errors import Invalid
from service.schemas.locations import LocationsBody, LocationsSchema, read_fixes

FIX = {
    "event_id": "0190f5fe-7c00-7a00-8000-000000000001",
    "latitude": 60.1841,
    "longitude": 24.9499,
    "accuracy_m": 12,
    "occurred_at": "2026-05-06T12:00:00+03:00",
}


def read() -> dict[str, Any]:
    return msgspec.json.schema(LocationsBody)["$defs"]


def documented() -> dict[str, Any]:
    spec = APISpec("t", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    spec.components.schema("Locations", schema=LocationsSchema)
    return spec.to_dict()["components"]["schemas"]


def types(field: dict[str, Any]) -> set[str]:
    """JSON types of a field, however a generator spells "or null"."""
    if "anyOf" in field:
        return {each["type"] for each in field["anyOf"]}
    kind = field["type"]
    return set(kind) if isinstance(kind, list) else {kind}


def test_both_know_the_same_fields_and_want_the_same_ones() -> None:
    body, doc = read()["FixBody"], documented()["Fix"]
    assert set(body["properties"]) == set(doc["properties"])
    assert set(body["required"]) == set(doc["required"])
    assert read()["LocationsBody"]["required"] == documented()["Locations"]["required"]


@pytest.mark.parametrize("name", sorted(read()["FixBody"]["properties"]))
def test_both_give_a_field_the_same_type(name: str) -> None:
    body, doc = (each["properties"][name] for each in (read()["FixBody"], documented()["Fix"]))
    assert types(body) == types(doc)
    assert body.get("format") == doc.get("format")
    assert body.get("default") == doc.get("default")


def test_both_allow_as_many_fixes() -> None:
    body, doc = read()["LocationsBody"], documented()["Locations"]
    for limit in ("type", "minItems", "maxItems"):
        assert body["properties"]["fixes"][limit] == doc["properties"]["fixes"][limit]


def test_not_a_number_as_encoders_write_it_costs_one_fix_only() -> None:
    strange = json.dumps({"fixes": [FIX, {**FIX, "latitude": float("nan")}]}).encode()
    first, second = read_fixes(strange)
    assert first.latitude == 60.1841
    assert second.latitude != second.latitude
    huge = json.dumps({"fixes": [{**FIX, "latitude": "HUGE"}]}).replace('"HUGE"', "1e999")
    assert read_fixes(huge.encode())[0].latitude == float("inf")


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    with suppress(Invalid, BadRequest):
        read_fixes(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(list(FIX)), JSON))
def test_whatever_stands_in_a_field_is_read_or_pointed_at(change: dict[str, Any]) -> None:
    body = json.dumps({"fixes": [{**FIX, **change}]}).encode()
    try:
        read_fixes(body)
    except Invalid as refused:
        (fault,) = refused.faults
        assert fault.pointer.startswith("/fixes/0/")
        assert fault.pointer.split("/")[3] in change
