"""Proves that a webhook came from your Whenabouts: once with the library `standardwebhooks`, once with nothing but HMAC.

`body` are the bytes as they came, before any parsing. `secret` is the `whsec_…` that saving the webhook showed.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from standardwebhooks import Webhook

TOLERANCE_S = 300


def verified(body: bytes, headers: Mapping[str, str], secret: str) -> Any:
    """The event; raises WebhookVerificationError where the proof fails or is older than five minutes."""
    return Webhook(secret).verify(body, dict(headers))


def verified_by_hand(body: bytes, headers: Mapping[str, str], secret: str) -> Any:
    """The same without the library; raises ValueError."""
    given = {name.lower(): value for name, value in headers.items()}
    if abs(time.time() - int(given["webhook-timestamp"])) > TOLERANCE_S:
        raise ValueError("too old, or a clock is wrong")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode() + body
    proof = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(proof, each) for each in given["webhook-signature"].split(" ")):
        raise ValueError("not signed with this secret")
    return json.loads(body)
