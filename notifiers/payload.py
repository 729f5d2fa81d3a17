"""What FCM lets a message carry: its size and its data keys. Pure, and light to import: no SDK is loaded.

Sources, in Firebase's documentation: the size limit in "About FCM messages" (4,096 bytes) and in the
error reference ("this includes both the keys and the values"); the reserved keys in the reference of
`projects.messages` and, for `notification`, in the guide to data messages.
"""

import json
from collections.abc import Iterable, Mapping

import msgspec

from domain.messages import Push

PAYLOAD_LIMIT = 4096
"""Bytes that FCM takes for one phone."""

_ADDED_BY_FCM = 256
"""Bytes set aside for what FCM adds on the way to APNs (`gcm.message_id`, `google.c.…`); generous on purpose."""

_LABEL = 50
"""Bytes of the longest analytics label, which each message may bear."""

_RESERVED_WORDS = frozenset(["from", "notification", "message_type"])
_RESERVED_STARTS = ("google", "gcm")


def encoded_size(push: Push, *, extra: int = 0) -> int:
    """Bytes of `push` as the strictest platform counts them, to be held against `PAYLOAD_LIMIT`.

    APNs counts the whole JSON document, quotes and escapes included, so this is never below FCM's own
    count of keys and values. `extra` stands for bytes that are known to join later.
    """
    style = msgspec.to_builtins(push.style)
    document = {"aps": {"alert": {"title": push.title, "body": push.body}}, **push.data}
    text = json.dumps([document, style], ensure_ascii=False, separators=(",", ":"))
    # FCM names the image to each platform twice; what else a style says stands once in each platform's part.
    twice = _size(push.style.image or "")
    return len(text.encode("utf-8", "surrogatepass")) + twice + _ADDED_BY_FCM + _LABEL + extra


def keys_and_values(*parts: Mapping[str, str]) -> int:
    """Bytes of all keys and values, as FCM's error reference counts a payload."""
    return sum(_size(text) for part in parts for pair in part.items() for text in pair)


def reserved_keys(keys: Iterable[str]) -> list[str]:
    """Those of `keys` that FCM keeps for itself; one of them in `data` and the whole message is refused."""
    return [key for key in keys if key in _RESERVED_WORDS or key.startswith(_RESERVED_STARTS)]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
