"""The body filled into a template says what the SDK says."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import Envelope
from domain.people import TargetKind
from notifiers.encode import encode
from notifiers.splice import Encoder
from tests.unit.notifiers.samples import envelope, push

TEXTS = st.text(max_size=40) | st.sampled_from(
    ["wa0-title", '"}{', "1234567", "https://wa0.example/", "wa0-datum-0-", "\ud800", "ä\u2028"]
)
KEYS = st.sampled_from(
    ["offer", "deep_link", "decision_id", "n", "ä", "wa0-title", "wa0-datum-1-", "1234567"]
)
LINKS = st.sampled_from(["https://x.example/a?b=c", "http://x.example", "soup://1", ""])


def of_the_sdk(one: Envelope) -> object:
    return {"message": json.loads(str(encode(one)))}


@given(
    kind=st.sampled_from(TargetKind),
    target=TEXTS.filter(bool),
    message_id=st.sampled_from(["01997b4e-7d9a-7c3e-9a51-0123456789ab", "two words", "x" * 90]),
    title=TEXTS,
    body=TEXTS,
    data=st.dictionaries(KEYS, TEXTS | LINKS, max_size=5),
    ttl_s=st.integers(-5, 5_000_000),
    expires=st.integers(0, 4_000_000_000),
    high=st.booleans(),
)
def test_the_template_says_what_the_sdk_says(
    kind: TargetKind,
    target: str,
    message_id: str,
    title: str,
    body: str,
    data: dict[str, str],
    ttl_s: int,
    expires: int,
    high: bool,
) -> None:
    one = envelope(
        target,
        kind=kind,
        message_id=message_id,
        push=push(title=title, body=body, data=data),
        ttl_s=ttl_s,
        expires_at=datetime.fromtimestamp(expires, UTC),
        high_priority=high,
    )
    encoder = Encoder()
    encoder.body(envelope(kind=kind, message_id=message_id, push=push(data=data)))

    assert json.loads(encoder.body(one)) == of_the_sdk(one)


def test_one_encoder_serves_many_forms() -> None:
    encoder = Encoder()
    for number in range(600):
        one = envelope(push=push(data={f"key-{number % 300}": str(number)}))
        assert json.loads(encoder.body(one)) == of_the_sdk(one)


@pytest.mark.parametrize("data", [{"n": 5}, {"n": None}])
def test_what_is_no_text_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="text only"):
        Encoder().body(envelope(push=push(data=data)))


def test_a_device_without_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="no target"):
        Encoder().body(envelope(""))
