"""A whole house, and a receiver of the brand's own: from a walk into a fence to a signed message."""

import json
import ssl
from collections.abc import Callable
from pathlib import Path

from standardwebhooks.webhooks import Webhook as Verifier

from notifiers.emulator.certificate import tls
from tests.acceptance.processes import Fcm, House, Running, url_of
from tests.acceptance.shop import Shop
from tests.receiver import Receiver


def test_a_walk_into_a_fence_reaches_the_brands_own_receiver_over_tls(
    fcm: Fcm, tmp_path: Path, started: Callable[[Running], Running]
) -> None:
    certificate = tmp_path / "receiver.pem"
    context: ssl.SSLContext = tls(certificate)
    house = House(tmp_path, fcm, WEBHOOK_NETWORKS="127.0.0.0/8", WEBHOOK_CA_FILE=str(certificate))
    with Receiver(context) as receiver:
        up = started(house.start())
        shop = Shop(house, url_of(up)).furnish()
        hook = {
            "url": f"https://localhost:{receiver.port}/take",
            "serves": "everybody",
            "offers": ["hot-soup"],
        }
        secret = shop.admin.put("/v1/webhooks/till", hook)["secret"]

        phone = shop.phone("hooked-1", who="guest-1")
        phone.walk_in()
        assert phone.delivered() == ["accepted"]

        [got] = receiver.received
        event = Verifier(secret).verify(got.body, got.headers)
        assert (event["type"], event["data"]["customer"]) == ("message", "guest-1")
        assert event["data"]["decision_id"] == phone.decision()["id"]
        assert fcm.requests(target="hooked-1") == []
        told = shop.admin.get(f"/v1/messages/{event['data']['message_id']}")
        assert [each["status"] for each in told["deliveries"]] == ["accepted"]
        assert "whsec_" not in up.log
        assert json.dumps(event["data"])[1:40] not in up.log
        assert up.stop() == 0, up.log
