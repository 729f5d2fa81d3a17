"""What the emulator takes and what it refuses, with FCM's words."""

import json
from typing import Any

import pytest

from notifiers.emulator.errors import Refused
from notifiers.emulator.message import SendRequest, parse


def read(message: Any, **around: Any) -> SendRequest:
    return parse(json.dumps({"message": message, **around}).encode())


def refusal(body: bytes) -> dict[str, Any]:
    with pytest.raises(Refused) as caught:
        parse(body)
    assert caught.value.failure.http_status == 400
    error: dict[str, Any] = caught.value.failure.body()["error"]  # type: ignore[assignment]  # a dict of JSON
    return error


def refused(message: Any) -> dict[str, Any]:
    return refusal(json.dumps({"message": message}).encode())


def field_of(error: dict[str, Any]) -> str:
    field: str = error["details"][0]["fieldViolations"][0]["field"]
    return field


@pytest.mark.parametrize("kind", ["token", "fid", "topic", "condition"])
def test_each_kind_of_target_is_taken(kind: str) -> None:
    request = read({kind: "news", "data": {"a": "b"}})

    assert (request.target_kind, request.target, request.validate_only) == (kind, "news", False)


def test_a_dry_run_is_known() -> None:
    assert read({"token": "t"}, validate_only=True).validate_only


def test_both_spellings_of_a_field_are_taken_and_null_is_nothing() -> None:
    request = read({"token": "t", "android": {"collapseKey": "c", "ttl": "3.5s", "data": None}})

    assert request.message["android"] == {"collapse_key": "c", "ttl": "3.5s"}


def test_of_two_equal_keys_the_last_one_wins() -> None:
    assert parse(b'{"message": {"token": "a", "token": "b"}}').target == "b"


def test_map_keys_keep_their_spelling() -> None:
    assert read({"token": "t", "data": {"deepLink": "x"}}).message["data"] == {"deepLink": "x"}


def test_every_documented_field_is_taken() -> None:
    message = {
        "token": "t",
        "notification": {"title": "t", "body": "b", "image": "https://x.example/i.png"},
        "data": {"k": "v"},
        "android": {
            "priority": "high",
            "ttl": "0s",
            "restricted_package_name": "com.example",
            "direct_boot_ok": True,
            "bandwidth_constrained_ok": False,
            "restricted_satellite_ok": False,
            "fcm_options": {"analytics_label": "spring"},
            "notification": {
                "channel_id": "offers",
                "title_loc_key": "k",
                "title_loc_args": ["a"],
                "notification_priority": "PRIORITY_HIGH",
                "visibility": "PUBLIC",
                "vibrate_timings": ["0.5s"],
                "notification_count": 3,
                "light_settings": {"color": {"red": 1}},
                "sticky": True,
                "proxy": "ALLOW",
            },
        },
        "apns": {
            "headers": {"apns-priority": "10", "apns-collapse-id": "x"},
            "payload": {"aps": {"alert": {"title": "t"}, "badge": 1}},
            "fcm_options": {"image": "https://x.example/i.png"},
        },
        "webpush": {
            "headers": {"TTL": "60", "Urgency": "high"},
            "notification": {"tag": "x", "actions": []},
            "fcm_options": {"link": "https://x.example/"},
        },
        "fcm_options": {"analytics_label": "spring"},
    }

    assert read(message).message == message


@pytest.mark.parametrize(
    ("message", "field", "text"),
    [
        pytest.param(
            {"token": "t", "data": {"a": "x", "n": 1}},
            "message.data[1].value",
            "Invalid value at 'message.data[1].value' (TYPE_STRING), 1",
            id="a number in data",
        ),
        pytest.param(
            {"token": "t", "notification": {"title": 5}},
            "message.notification.title",
            "Invalid value at 'message.notification.title' (TYPE_STRING), 5",
            id="a number as title",
        ),
        pytest.param(
            {"token": "t", "titel": "x"},
            "message",
            "Invalid JSON payload received. Unknown name \"titel\" at 'message': Cannot find field.",
            id="an unknown field",
        ),
        pytest.param(
            {"token": "t", "android": {"priority": "urgent"}},
            "message.android.priority",
            "Invalid value at 'message.android.priority' "
            '(type.googleapis.com/google.firebase.fcm.v1.AndroidMessagePriority), "urgent"',
            id="an unknown priority",
        ),
        pytest.param(
            {"token": "t", "android": {"ttl": "3600"}},
            "message.android.ttl",
            "Invalid value at 'message.android.ttl' (type.googleapis.com/google.protobuf.Duration), "
            "Field 'ttl', Illegal duration format; duration must end with 's'",
            id="a duration without its s",
        ),
        pytest.param(
            {"token": "t", "topic": "news"},
            "message",
            "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
            "Cannot set 'topic'",
            id="two targets",
        ),
        pytest.param(
            {"token": "t", "android": {"direct_boot_ok": "yes"}},
            "message.android.direct_boot_ok",
            "Invalid value at 'message.android.direct_boot_ok' (TYPE_BOOL), \"yes\"",
            id="text for a flag",
        ),
    ],
)
def test_a_request_of_the_wrong_shape_is_refused_by_the_parser_without_an_fcm_code(
    message: Any, field: str, text: str
) -> None:
    error = refused(message)

    assert (field_of(error), error["message"]) == (field, text)
    assert error["status"] == "INVALID_ARGUMENT"
    assert len(error["details"]) == 1


@pytest.mark.parametrize(
    ("message", "field", "text"),
    [
        ({}, "message", "Recipient of the message is not set."),
        ({"token": ""}, "message", "Recipient of the message is not set."),
        ({"topic": "a b"}, "message", "Topic name contains invalid characters."),
        ({"token": "t", "data": {"from": "x"}}, "message.data", "Invalid data payload key: from"),
        (
            {"token": "t", "android": {"data": {"google.x": "1"}}},
            "message.android.data",
            "Invalid data payload key: google.x",
        ),
        (
            {"token": "t", "webpush": {"headers": {"TTL": "-1"}}},
            "message.webpush.headers.TTL",
            "TTL must be a non-negative integer.",
        ),
    ],
)
def test_a_well_formed_message_that_fcm_does_not_take_gets_its_code(
    message: Any, field: str, text: str
) -> None:
    error = refused(message)

    assert (field_of(error), error["message"]) == (field, text)
    assert error["details"][1]["errorCode"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "part",
    [
        {"android": {"ttl": "-1s"}},
        {"android": {"ttl": "2419201s"}},
        {"android": {"ttl": f"{'9' * 400}s"}},
        {"android": {"fcm_options": {"analytics_label": "no spaces"}}},
        {"fcm_options": {"analytics_label": "x" * 51}},
        {"apns": {"headers": {"apns-priority": "7"}}},
        {"apns": {"headers": {"apns-expiration": "tomorrow"}}},
        {"apns": {"headers": {"apns-expiration": "²"}}},
        {"apns": {"headers": {"apns-collapse-id": "ä" * 33}}},
        {"webpush": {"fcm_options": {"link": "http://x.example/"}}},
    ],
)
def test_values_outside_the_documented_bounds_are_refused(part: dict[str, Any]) -> None:
    assert refused({"token": "t", **part})["details"][1]["errorCode"] == "INVALID_ARGUMENT"


def test_a_message_beyond_4096_bytes_is_refused_as_fcm_does() -> None:
    error = refused({"token": "t", "data": {"k": "x" * 5000}})

    assert error["message"] == "Message is too large. The maximum is 4K (4096 bytes)."
    assert error["details"][0] == {"@type": "type.googleapis.com/google.rpc.BadRequest"}


@pytest.mark.parametrize(
    "part",
    [
        {"notification": {"title": "x" * 2000, "body": "y" * 2100}},
        {"data": {"k": "v"}, "android": {"data": {"k": "x" * 4100}}},
        {"apns": {"payload": {"aps": {"alert": "x" * 4100}}}},
        {"webpush": {"notification": {"body": "x" * 4100}}},
    ],
)
def test_every_platforms_own_part_counts(part: dict[str, Any]) -> None:
    assert "too large" in refused({"token": "t", **part})["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b"{}", b'{"message": []}']
)
def test_anything_else_is_a_400_and_nothing_worse(body: bytes) -> None:
    assert refusal(body)["code"] == 400
