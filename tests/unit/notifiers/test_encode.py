import json
from typing import Any

import pytest

from domain.people import TargetKind
from notifiers.encode import collapse_id, encode
from tests.unit.notifiers.samples import MESSAGE_ID, envelope, push


def encoded(**changes: Any) -> dict[str, Any]:
    """The JSON that firebase-admin would POST."""
    message: dict[str, Any] = json.loads(str(encode(envelope(**changes))))
    return message


def test_a_push_becomes_a_notification_with_its_data() -> None:
    message = encoded(push=push(data={"decision_id": "d1", "offer": "rainy-soup"}))

    assert message["notification"] == {
        "title": "Hot soup, Aino?",
        "body": "Kallio is 120 m away.",
    }
    assert message["data"] == {"decision_id": "d1", "offer": "rainy-soup"}


@pytest.mark.parametrize(("kind", "other"), [("token", "fid"), ("fid", "token")])
def test_the_target_is_a_token_or_an_installation_id_never_both(kind: str, other: str) -> None:
    message = encoded(target="abc", kind=TargetKind(kind))

    assert message[kind] == "abc"
    assert other not in message


def test_a_second_copy_replaces_the_first_on_every_platform() -> None:
    message = encoded()

    assert message["android"]["collapse_key"] == MESSAGE_ID
    assert message["android"]["notification"]["tag"] == MESSAGE_ID
    assert message["apns"]["headers"]["apns-collapse-id"] == MESSAGE_ID
    assert message["webpush"]["notification"]["tag"] == MESSAGE_ID
    assert message["webpush"]["headers"]["Topic"] == MESSAGE_ID.replace("-", "")


def test_a_long_message_id_still_gives_an_apns_collapse_id_of_64_bytes_at_most() -> None:
    assert len(collapse_id("ä" * 60).encode()) <= 64
    assert collapse_id("ä" * 60) == collapse_id("ä" * 60) != collapse_id("ä" * 61)
    assert collapse_id("short") == "short"


def test_a_message_id_that_is_no_web_push_topic_is_left_out_there() -> None:
    assert (
        "Topic" not in encoded(message_id="no topic: too long or with spaces")["webpush"]["headers"]
    )


def test_the_message_lives_as_long_as_the_offer() -> None:
    message = encoded(ttl_s=1800)

    assert message["android"]["ttl"] == "1800s"
    assert message["webpush"]["headers"]["TTL"] == "1800"
    assert message["apns"]["headers"]["apns-expiration"] == "1778061600"  # 2026-05-06T10:00Z


@pytest.mark.parametrize(
    ("ttl_s", "sent"), [(-5, "0s"), (0, "0s"), (2_419_200, "2419200s"), (9_999_999, "2419200s")]
)
def test_the_time_to_live_stays_within_fcms_four_weeks(ttl_s: int, sent: str) -> None:
    assert encoded(ttl_s=ttl_s)["android"]["ttl"] == sent


@pytest.mark.parametrize(
    ("high", "android", "apns", "urgency"),
    [(True, "high", "10", "high"), (False, "normal", "5", "normal")],
    ids=["high", "normal"],
)
def test_the_priority_is_always_said(high: bool, android: str, apns: str, urgency: str) -> None:
    message = encoded(high_priority=high)

    assert message["android"]["priority"] == android
    assert message["apns"]["headers"]["apns-priority"] == apns
    assert message["webpush"]["headers"]["Urgency"] == urgency


@pytest.mark.parametrize(
    ("deep_link", "link"),
    [
        ("https://brand.example/offers/1", "https://brand.example/offers/1"),
        ("brand://offers/1", None),
        ("http://brand.example/1", None),
        (None, None),
    ],
)
def test_only_an_https_deep_link_becomes_the_web_push_link(
    deep_link: str | None, link: str | None
) -> None:
    data = {"deep_link": deep_link} if deep_link else {}

    assert encoded(push=push(data=data))["webpush"].get("fcm_options", {}).get("link") == link


@pytest.mark.parametrize("changes", [{"title": None}, {"data": {"n": 5}}, {"data": {1: "x"}}])
def test_anything_but_text_is_refused_before_the_sdk_sees_it(changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="text only"):
        encode(envelope(push=push(**changes)))
