"""How an offer asks to be shown, as each platform is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import Interruption, Style
from notifiers.emulator.errors import Refused
from notifiers.emulator.message import parse
from notifiers.encode import encode
from notifiers.payload import PAYLOAD_LIMIT, encoded_size
from notifiers.splice import Encoder
from tests.unit.notifiers.samples import envelope, push

FULL = Style(
    image="https://brand.example/soup.png",
    link="https://brand.example/soup",
    channel="offers",
    interruption_level=Interruption.TIME_SENSITIVE,
    relevance_score=0.5,
    badge=2,
    sound="spoon.caf",
)
TEXTS = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["wa0-label", "wa0-title", '"}', "https://wa0-image.example/", "https://wa0-link.example/"]
)
ADDRESSES = st.just("https://wa0-image.example/") | TEXTS.map("https://x.example/".__add__)
STYLES = st.builds(
    Style,
    image=st.none() | ADDRESSES,
    link=st.none() | ADDRESSES,
    channel=st.none() | TEXTS,
    interruption_level=st.none() | st.sampled_from(Interruption),
    relevance_score=st.none() | st.floats(0, 1),
    badge=st.none() | st.integers(0, 9999),
    sound=st.none() | TEXTS,
)
LABELS = st.none() | st.from_regex(r"[a-zA-Z0-9\-_.~%]{1,50}", fullmatch=True)


def encoded(style: Style, **changes: Any) -> dict[str, Any]:
    one = envelope(push=push(style=style), **changes)
    message: dict[str, Any] = json.loads(str(encode(one)))
    return message


def styled(style: Style, *, label: str, data: dict[str, str]) -> dict[str, Any]:
    """What the SDK says of such a push, without its target, as the emulator keeps it."""
    one = envelope(push=push(style=style, data=data), label=label)
    message = parse(b'{"message": %s}' % str(encode(one)).encode()).message
    return {name: part for name, part in message.items() if name != "token"}


def test_android_is_told_the_channel_the_sound_the_count_and_the_image() -> None:
    message = encoded(FULL)

    shown = message["android"]["notification"]
    assert (shown["channel_id"], shown["sound"], shown["notification_count"]) == (
        "offers", "spoon.caf", 2,
    )  # fmt: skip
    assert message["notification"]["image"] == "https://brand.example/soup.png"


def test_an_iphone_is_told_how_much_to_disturb_and_that_there_is_an_image_to_fetch() -> None:
    apns = encoded(FULL)["apns"]

    assert apns["payload"]["aps"] == {
        "badge": 2,
        "sound": "spoon.caf",
        "mutable-content": 1,
        "interruption-level": "time-sensitive",
        "relevance-score": 0.5,
    }
    assert apns["fcm_options"] == {"image": "https://brand.example/soup.png"}


def test_a_browser_is_told_the_image_and_the_offers_own_link() -> None:
    data = {"deep_link": "https://brand.example/other"}
    message = json.loads(str(encode(envelope(push=push(style=FULL, data=data)))))

    assert message["webpush"]["notification"]["image"] == "https://brand.example/soup.png"
    assert message["webpush"]["fcm_options"]["link"] == "https://brand.example/soup"


def test_a_badge_of_none_and_a_badge_of_zero_are_told_apart() -> None:
    assert encoded(Style(badge=0))["apns"]["payload"]["aps"] == {"badge": 0}
    assert "payload" not in encoded(Style())["apns"]


def test_the_label_stands_for_all_platforms() -> None:
    assert encoded(Style(), label="soup")["fcm_options"] == {"analytics_label": "soup"}
    assert "fcm_options" not in encoded(Style())


@given(style=STYLES, before=STYLES, label=LABELS, link=ADDRESSES | TEXTS)
def test_the_template_says_what_the_sdk_says_of_any_style(
    style: Style, before: Style, label: str | None, link: str
) -> None:
    one = envelope(push=push(style=style, data={"deep_link": link}), label=label)
    encoder = Encoder()
    encoder.body(envelope(push=push(style=before, data={"deep_link": link}), label=label))

    assert json.loads(encoder.body(one)) == {"message": json.loads(str(encode(one)))}


@given(style=STYLES, label=LABELS)
def test_what_is_sent_is_taken_by_fcm(style: Style, label: str | None) -> None:
    assert parse(Encoder().body(envelope(push=push(style=style), label=label)))


def test_offers_that_differ_in_image_and_label_share_one_encoding() -> None:
    encoder = Encoder()
    for number in range(50):
        style = Style(image=f"https://brand.example/{number}.png", channel="offers")
        encoder.body(envelope(push=push(style=style), label=f"offer-{number}"))

    assert len(encoder._templates) == 1


@given(style=STYLES)
def test_a_styled_push_that_just_fits_our_count_fits_fcms(style: Style) -> None:
    room = PAYLOAD_LIMIT - encoded_size(push(body="", style=style))
    just = push(body="x" * room, style=style)

    assert encoded_size(just) == PAYLOAD_LIMIT
    assert parse(Encoder().body(envelope(push=just, label="x" * 50)))


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"notification": {"image": "soup.png"}}, "notification.image"),
        ({"apns": {"fcm_options": {"image": "x"}}}, "apns.fcm_options.image"),
        ({"apns": {"payload": {"aps": {"badge": "2"}}}}, "apns.payload.aps.badge"),
        ({"apns": {"payload": {"aps": {"badge": float("inf")}}}}, "apns.payload.aps.badge"),
        ({"apns": {"payload": {"aps": {"sound": 1}}}}, "apns.payload.aps.sound"),
        ({"apns": {"payload": {"aps": {"relevance-score": 2}}}}, "apns.payload.aps.relevance-score"),
        (
            {"apns": {"payload": {"aps": {"interruption-level": "loud"}}}},
            "apns.payload.aps.interruption-level",
        ),
        ({"webpush": {"fcm_options": {"analytics_label": "ä"}}}, "webpush.fcm_options.analytics_label"),
        ({"fcm_options": {"analytics_label": "x" * 51}}, "fcm_options.analytics_label"),
        ({"android": {"notification": {"channel_id": 5}}}, "android.notification.channel_id"),
        ({"webpush": {"fcm_options": {"link": "http://x.example"}}}, "webpush.fcm_options.link"),
    ],
)  # fmt: skip
def test_the_emulator_names_the_field_that_is_wrong(part: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(json.dumps({"message": {"token": "t", **part}}).encode())
    error: Any = caught.value.failure.body()["error"]
    assert error["details"][0]["fieldViolations"][0]["field"] == f"message.{field}"
