"""What the page on webhooks gives receivers works, and says what the code does."""

import base64
import json
import re
import runpy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from domain.clock import SystemClock
from domain.messages import Push
from domain.people import Mode
from domain.webhooks import Serves
from domain.webhooks import Webhook as Hook
from notifiers.address_guard import PORTS
from notifiers.webhook import document
from tests.documents import ROOT, blocks
from tests.unit.notifiers.samples import envelope

PAGE = ROOT / "docs/webhooks.md"
SNIPPET = ROOT / "docs/snippets/python/webhook.py"
SECRET, OTHER = ("whsec_" + base64.b64encode(text).decode() for text in (b"soup" * 8, b"cake" * 8))
BODY = b'{"type":"message","data":{"body":"\xe2\x98\x95"}}'

Verified = Callable[..., Any]


@pytest.fixture(params=["verified", "verified_by_hand"])
def verified(request: pytest.FixtureRequest) -> Verified:
    found: Verified = runpy.run_path(str(SNIPPET))[request.param]
    return found


def headers(*secrets: str, age_s: int = 0) -> dict[str, str]:
    at = SystemClock().now() - timedelta(seconds=age_s)
    signatures = [Webhook(secret).sign("id-1", at, BODY.decode()) for secret in secrets]
    return {
        "Webhook-Id": "id-1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(signatures),
    }


def test_a_receiver_takes_what_is_signed(verified: Verified) -> None:
    assert verified(BODY, headers(SECRET), SECRET) == json.loads(BODY)
    assert verified(BODY, headers(OTHER, SECRET), SECRET) == json.loads(BODY)


@pytest.mark.parametrize(
    ("body", "given"),
    [
        pytest.param(BODY, headers(OTHER), id="another secret"),
        pytest.param(BODY + b" ", headers(SECRET), id="another body"),
        pytest.param(BODY, headers(SECRET) | {"Webhook-Id": "id-2"}, id="another id"),
        pytest.param(BODY, headers(SECRET, age_s=400), id="too old"),
    ],
)
def test_and_nothing_else(verified: Verified, body: bytes, given: dict[str, str]) -> None:
    with pytest.raises((ValueError, WebhookVerificationError)):
        verified(body, given, SECRET)


def test_the_code_on_the_page_is_part_of_the_snippet() -> None:
    code = [block.text for block in blocks(PAGE) if block.language == "python"]
    assert code
    assert all(each in SNIPPET.read_text(encoding="utf-8") for each in code)


def test_the_page_shows_the_fields_that_come() -> None:
    (shown,) = (json.loads(block.text) for block in blocks(PAGE) if block.language == "json")
    hook = Hook(
        id="w",
        brand_id="b",
        mode=Mode.LIVE,
        external_id="mail",
        url="https://x.example/",
        secret="",
    )
    data = {"deep_link": "soup://lunch", "explain_url": "https://x.example/why", "offer": "soup"}
    sent = document(
        envelope(push=Push(title="", body="", data=data), customer="c-1001"), hook, "now"
    )
    assert list(shown) == list(sent)
    assert list(shown["data"]) == list(sent["data"])
    assert list(shown["data"]["data"]) == list(sent["data"]["data"])


def test_the_page_names_every_word_and_port() -> None:
    text = PAGE.read_text(encoding="utf-8")
    words = re.findall(r"^\| `(\w+)`(?: \(the default\))? \| ", text, re.MULTILINE)
    assert words == ["serves", *Serves]
    assert f"port {' or '.join(map(str, PORTS))}" in text
