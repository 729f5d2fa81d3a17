"""What apps may send: every field's bounds, and the place that is named where one is crossed."""

from typing import Any

import marshmallow as ma
import pytest

from service.errors import pointers
from service.schemas.consents import StatementsSchema
from service.schemas.devices import ChangeDeviceSchema, RegisterDeviceSchema

DEVICE: dict[str, Any] = {"platform": "ios", "target": {"kind": "token", "value": "abc"}}
ENTRY: dict[str, Any] = {
    "purpose": "push",
    "granted": True,
    "wording": "May we?",
    "wording_version": "1",
    "locale": "en-GB",
    "source": "onboarding",
    "occurred_at": "2026-05-06T12:00:00+03:00",
}


def _places(schema: type[ma.Schema], body: Any) -> list[str]:
    return [fault.pointer for fault in pointers("", schema().validate(body))]


def _token(value: object) -> dict[str, object]:
    return {"target": {"kind": "token", "value": value}}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        pytest.param({"platform": "symbian"}, "/platform", id="an unknown platform"),
        pytest.param({"platform": None}, "/platform", id="no platform"),
        pytest.param({"target": "abc"}, "/target", id="a bare target"),
        pytest.param({"target": {"value": "a"}}, "/target/kind", id="a target without its kind"),
        pytest.param(
            {"target": {"kind": "topic", "value": "a"}}, "/target/kind", id="a kind of no target"
        ),
        pytest.param(_token(""), "/target/value", id="an empty target"),
        pytest.param(_token("a b"), "/target/value", id="a space"),
        pytest.param(_token('a"b'), "/target/value", id="a quote, which JSON would escape"),
        pytest.param(_token("a\\b"), "/target/value", id="a backslash, which JSON would escape"),
        pytest.param(_token("a\n"), "/target/value", id="a line break at the end"),
        pytest.param(_token("ä"), "/target/value", id="a letter beyond ASCII"),
        pytest.param(_token("a" * 4097), "/target/value", id="a target too long"),
        pytest.param(_token(7), "/target/value", id="a number"),
        pytest.param({"time_zone": "Mars/Olympus"}, "/time_zone", id="no zone of this planet"),
        pytest.param({"time_zone": "../../etc/passwd"}, "/time_zone", id="a path"),
        pytest.param({"time_zone": "Europe"}, "/time_zone", id="a folder of zones"),
        pytest.param({"locale": "english please"}, "/locale", id="no language tag"),
        pytest.param({"locale": "en" + "-abcdefgh" * 4}, "/locale", id="a tag too long"),
        pytest.param({"app_version": ""}, "/app_version", id="an empty version"),
        pytest.param({"app_version": "1\x00"}, "/app_version", id="a NUL"),
        pytest.param({"app_version": "\ud800"}, "/app_version", id="half of a surrogate pair"),
        pytest.param({"push_permission": "maybe"}, "/push_permission", id="a permission between"),
        pytest.param({"customer_token": 7}, "/customer_token", id="a number for a token"),
    ],
)
def test_what_is_wrong_with_a_device_is_named(changed: dict[str, Any], place: str) -> None:
    assert _places(RegisterDeviceSchema, {**DEVICE, **changed}) == [place]
    if "platform" not in changed:
        assert _places(ChangeDeviceSchema, changed) == [place]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(_token("AZaz09_:.~%=+/-" + "x" * 4081), id="every sign, and the most of them"),
        pytest.param({"target": {"kind": "fid", "value": "f"}}, id="an installation id"),
        pytest.param({"locale": "fi"}, id="a language"),
        pytest.param({"locale": "zh_Hant_TW"}, id="a locale as Android writes it"),
        pytest.param({"time_zone": "UTC"}, id="a zone without a place"),
        pytest.param(
            {
                "locale": None,
                "time_zone": None,
                "app_version": None,
                "push_permission": None,
                "customer_token": None,
            },
            id="nulls for what is not known",
        ),
        pytest.param({"something": "new"}, id="a field of a newer app"),
    ],
)
def test_what_apps_really_send_is_taken(changed: dict[str, Any]) -> None:
    assert _places(RegisterDeviceSchema, {**DEVICE, **changed}) == []
    assert _places(ChangeDeviceSchema, changed) == []


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        pytest.param({"purpose": "everything"}, "/purpose", id="an unknown purpose"),
        pytest.param({"purpose": None}, "/purpose", id="no purpose"),
        pytest.param({"granted": "yes"}, "/granted", id="a word for yes"),
        pytest.param({"granted": 1}, "/granted", id="a number for yes"),
        pytest.param({"granted": None}, "/granted", id="neither yes nor no"),
        pytest.param({"wording": ""}, "/wording", id="no wording"),
        pytest.param({"wording": "x" * 10_001}, "/wording", id="a wording too long"),
        pytest.param({"wording": "a\x00b"}, "/wording", id="a NUL"),
        pytest.param({"wording": "a\ud800b"}, "/wording", id="half of a surrogate pair"),
        pytest.param({"wording_version": ""}, "/wording_version", id="no version"),
        pytest.param({"wording_version": 3}, "/wording_version", id="a number for a version"),
        pytest.param({"locale": "no locale"}, "/locale", id="no language tag"),
        pytest.param({"source": "x" * 65}, "/source", id="a source too long"),
        pytest.param({"occurred_at": "yesterday"}, "/occurred_at", id="a word for a time"),
        pytest.param({"occurred_at": "2026-05-06T12:00:00"}, "/occurred_at", id="no offset"),
        pytest.param({"occurred_at": "0001-01-01T00:00:00+14:00"}, "/occurred_at", id="year 0"),
        pytest.param({"occurred_at": "9999-12-31T23:59:59-14:00"}, "/occurred_at", id="10000"),
        pytest.param({"occurred_at": 1778058000}, "/occurred_at", id="seconds"),
    ],
)
def test_what_is_wrong_with_a_consent_is_named(changed: dict[str, Any], place: str) -> None:
    body = {"entries": [ENTRY, {**ENTRY, **changed}]}
    assert _places(StatementsSchema, body) == [f"/entries/1{place}"]


@pytest.mark.parametrize("missing", sorted(ENTRY))
def test_every_field_of_a_consents_proof_is_required(missing: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != missing}
    assert _places(StatementsSchema, {"entries": [entry]}) == [f"/entries/0/{missing}"]


@pytest.mark.parametrize(
    ("number", "places"), [(0, ["/entries"]), (1, []), (100, []), (101, ["/entries"])]
)
def test_one_to_a_hundred_consents_at_once(number: int, places: list[str]) -> None:
    assert _places(StatementsSchema, {"entries": [ENTRY] * number}) == places
