"""The page shows each message as its platform would, as text, and nothing of it is run or fetched."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from domain.clock import ManualClock
from notifiers.emulator.fcm import Fcm
from notifiers.emulator.routes import answer
from notifiers.emulator.shades import Shade

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
IMAGE = "https://brand.example/soup.png"
FULL: dict[str, Any] = {
    "notification": {"title": "Hot soup?", "body": "It rains.", "image": IMAGE},
    "android": {
        "ttl": "1800s",
        "priority": "high",
        "notification": {
            "channel_id": "offers",
            "tag": "m1",
            "notification_count": 2,
            "body": "Rain!",
        },
    },
    "apns": {
        "headers": {"apns-collapse-id": "m1"},
        "payload": {
            "aps": {
                "alert": {"title": "Soup"},
                "badge": 3,
                "interruption-level": "time-sensitive",
                "relevance-score": 0.4,
                "mutable-content": 1,
            }
        },
        "fcm_options": {"image": IMAGE},
    },
    "webpush": {
        "headers": {"TTL": "1800", "Urgency": "high"},
        "notification": {"title": "Soup on the web", "tag": "m1"},
        "fcm_options": {"link": "https://brand.example/soup"},
    },
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def fcm(clock: ManualClock) -> Fcm:
    return Fcm(clock=clock)


def send(fcm: Fcm, target: str = "phone-1", **message: Any) -> None:
    body = json.dumps({"message": {"token": target, **message}}).encode()
    assert fcm.send("demo", None, body).status == 200


def page(fcm: Fcm, query: str = "") -> str:
    reply = answer(fcm, "GET", f"/{query}")
    assert reply.status == 200
    return reply.body.decode()


def lines(text: str, kind: str) -> list[str]:
    return re.findall(rf'<p class="{kind}">(.*?)</p>', text)


@pytest.mark.parametrize(
    ("shade", "title", "text", "marks"),
    [
        ("android", "Hot soup?", "Rain!", ["high priority", "channel offers", "count 2"]),
        ("ios", "Soup", "It rains.", ["time-sensitive", "relevance 0.4", "badge 3", "silent"]),
        ("web", "Soup on the web", "It rains.", ["urgency high"]),
    ],
)
def test_each_platform_shows_its_own_part_before_the_common_one(
    fcm: Fcm, shade: str, title: str, text: str, marks: list[str]
) -> None:
    send(fcm, **FULL)
    shown = page(fcm, f"?as={shade}")

    assert (lines(shown, "title"), lines(shown, "text")) == ([title], [text])
    assert lines(shown, "image") == [IMAGE]
    assert all(mark in lines(shown, "meta")[0] for mark in marks)
    assert f'value="{shade}" aria-pressed="true"' in shown
    assert lines(shown, "link") == (["https://brand.example/soup"] if shade == "web" else [])


def test_an_iphone_without_mutable_content_shows_no_image_and_the_page_says_why(fcm: Fcm) -> None:
    send(fcm, notification={"title": "Soup", "image": IMAGE})
    shown = page(fcm, "?as=ios")

    assert lines(shown, "image") == []
    assert lines(shown, "meta")[0] == "image not shown: mutable-content is not 1"


def test_what_has_expired_is_greyed_and_says_when(fcm: Fcm, clock: ManualClock) -> None:
    send(fcm, **FULL)
    assert "class=expired" not in page(fcm)
    clock.advance(seconds=1801)

    shown = page(fcm)
    at = f"{(NOW + timedelta(seconds=1800)).astimezone():%H:%M:%S}"
    assert "class=expired" in shown
    assert f"expired at {at}" in lines(shown, "meta")[0]
    assert fcm.inbox({}) == []


def test_a_copy_stands_in_the_place_of_the_one_before_it(fcm: Fcm) -> None:
    for title in ("first", "second", "third"):
        send(fcm, **(FULL | {"notification": {"title": title}}))

    shown = page(fcm)
    assert lines(shown, "title") == ["third"]
    assert "replaced 2 before it" in lines(shown, "meta")[0]
    assert fcm.inbox({})[0]["replaced"] == 2


def test_a_message_for_the_app_alone_is_on_no_phone(fcm: Fcm) -> None:
    send(fcm, data={"k": "v"})
    assert "No phone shows anything yet." in page(fcm)


def test_phones_are_found_by_project_or_target(fcm: Fcm) -> None:
    for target in ("phone-1", "tablet-1"):
        send(fcm, target, notification={"title": target})

    assert lines(page(fcm, "?find=TABLET"), "title") == ["tablet-1"]
    assert len(lines(page(fcm, "?find=demo"), "title")) == 2
    assert lines(page(fcm, "?find=none"), "title") == []
    assert 'value="&quot;&gt;"' in page(fcm, '?find=">')


def test_a_crowd_of_phones_is_cut_and_the_page_says_so(fcm: Fcm) -> None:
    for number in range(62):
        send(fcm, f"phone-{number}", notification={"title": "x"})
    for number in range(12):
        send(fcm, "phone-61", notification={"title": str(number)})

    shown = page(fcm)
    assert shown.count("<section") == 60
    assert "… and 2 more phones" in shown
    assert "… and 3 older ones" in shown


EVIL = '<script>document.title="run"</script><img src=x onerror=alert(1)>"&\''


@pytest.mark.parametrize("shade", Shade)
def test_whatever_a_message_says_is_shown_as_text(fcm: Fcm, shade: Shade) -> None:
    said = dict.fromkeys(("title", "body"), EVIL)
    send(
        fcm,
        EVIL,
        notification=said | {"image": f"https://{EVIL}"},
        android={"notification": {"channel_id": EVIL, "sound": EVIL}},
        apns={"payload": {"aps": {"mutable-content": 1, "sound": EVIL, "alert": said}}},
        webpush={"headers": {"Urgency": EVIL}, "fcm_options": {"link": f"https://{EVIL}"}},
        data={"k": EVIL, "<!--find-->": "<!--phones-->"},
    )
    shown = page(fcm, f"?as={shade}")
    assert shown.count("<script>") == 1
    assert "<img" not in shown
    assert shown.count('id="phones"') == 1


def test_the_page_runs_its_own_script_alone_and_loads_nothing(fcm: Fcm) -> None:
    send(fcm, **FULL)
    reply = answer(fcm, "GET", "/")
    policy = reply.headers["Content-Security-Policy"]
    shown = reply.body.decode()

    for tag, name in (("script", "script-src"), ("style", "style-src")):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", shown, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"@import|<link|\bsrc=|\bhref=|url\(", shown)


def test_an_unknown_look_is_android(fcm: Fcm) -> None:
    assert 'value="android" aria-pressed="true"' in page(fcm, "?as=fridge")


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_real_browser_shows_what_comes_after_it_opened_the_page_and_runs_none_of_it(
    fcm: Fcm, tmp_path: Path
) -> None:
    class Late(BaseHTTPRequestHandler):
        """The message comes once the page is there: the browser must ask again to show it."""

        def do_GET(self) -> None:
            reply = answer(fcm, "GET", self.path)
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if not fcm.total and self.path.startswith("/?"):
                send(fcm, notification={"title": EVIL, "body": "Late soup"})

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            address = f"http://127.0.0.1:{server.server_address[1]}/?as=web"
            seen = subprocess.run(
                [
                    str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                    f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", address,
                ],
                capture_output=True, text=True, timeout=60, check=True,
            ).stdout  # fmt: skip
        finally:
            server.shutdown()
    assert lines(seen, "text") == ["Late soup"]
    assert "1 notifications on 1 phones" in seen
    assert "<title>FCM emulator</title>" in seen
    assert "<img" not in seen
