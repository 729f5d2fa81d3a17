"""From an envelope to FCM's message. What each field does on the phone is told in docs/fcm.md."""

import hashlib
import re
from datetime import timedelta

from firebase_admin import messaging

from domain.messages import Envelope, Push, Style
from domain.people import TargetKind
from notifiers.payload import PAYLOAD_LIMIT, encoded_size

__all__ = [
    "LONGEST_TTL_S",
    "PAYLOAD_LIMIT",
    "collapse_id",
    "encode",
    "encoded_size",
    "is_link",
    "require_text",
    "ttl_s",
    "web_topic",
]

LONGEST_TTL_S = 2_419_200
"""FCM keeps a message for at most four weeks."""

_APNS_COLLAPSE_BYTES = 64
_WEB_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")  # RFC 8030 §5.4


def encode(envelope: Envelope) -> messaging.Message:
    """The message for one phone.

    Every platform's part is present whatever the device said it is: FCM takes the part that fits, and the
    same message to the same phone replaces itself on all of them. Raises TypeError for anything but text.
    """
    require_text(envelope.push)
    message = messaging.Message(
        data=dict(envelope.push.data),
        notification=messaging.Notification(
            title=envelope.push.title, body=envelope.push.body, image=envelope.push.style.image
        ),
        android=_android(envelope),
        apns=_apns(envelope),
        webpush=_webpush(envelope),
        fcm_options=messaging.FCMOptions(envelope.label) if envelope.label else None,
    )
    # Set after the fact: the constructor warns of `token` at each call, and a token it still is.
    if envelope.target.kind is TargetKind.FID:
        message.fid = envelope.target.value
    else:
        message.token = envelope.target.value
    return message


def collapse_id(message_id: str) -> str:
    """The id under which a second copy of a message replaces the first; APNs allows 64 bytes."""
    if len(message_id.encode()) <= _APNS_COLLAPSE_BYTES:
        return message_id
    return hashlib.sha256(message_id.encode()).hexdigest()


def web_topic(message_id: str) -> str | None:
    """The id as web push takes it in `Topic`; None where it takes no such one."""
    topic = message_id.replace("-", "")
    return topic if _WEB_TOPIC.fullmatch(topic) else None


def is_link(text: str) -> bool:
    """Whether a web push may open this; FCM refuses all but HTTPS."""
    return text.startswith("https://")


def link(push: Push) -> str | None:
    """What a web push opens: the offer's own link, else a `deep_link` that the web knows."""
    deep = push.data.get("deep_link", "")
    return push.style.link or (deep if is_link(deep) else None)


def ttl_s(envelope: Envelope) -> int:
    """The seconds for which FCM keeps the message, within what it takes."""
    return max(0, min(envelope.ttl_s, LONGEST_TTL_S))


def require_text(push: Push) -> None:
    """Raises TypeError for anything but text."""
    for part in (push.title, push.body, *push.data, *push.data.values()):
        if not isinstance(part, str):
            raise TypeError(f"a push holds text only, not {type(part).__name__}")


def _android(envelope: Envelope) -> messaging.AndroidConfig:
    collapse = collapse_id(envelope.message_id)
    return messaging.AndroidConfig(
        collapse_key=collapse,
        priority="high" if envelope.high_priority else "normal",
        ttl=timedelta(seconds=ttl_s(envelope)),
        notification=messaging.AndroidNotification(
            tag=collapse,
            channel_id=envelope.push.style.channel,
            sound=envelope.push.style.sound,
            notification_count=envelope.push.style.badge,
        ),
    )


def _apns(envelope: Envelope) -> messaging.APNSConfig:
    return messaging.APNSConfig(
        headers={
            "apns-collapse-id": collapse_id(envelope.message_id),
            "apns-expiration": str(int(envelope.expires_at.timestamp())),
            "apns-priority": "10" if envelope.high_priority else "5",
        },
        payload=_aps(envelope.push.style),
        fcm_options=messaging.APNSFCMOptions(image=image)
        if (image := envelope.push.style.image)
        else None,
    )


def _aps(style: Style) -> messaging.APNSPayload | None:
    """What only iPhones are told; FCM puts the common title and body beside it."""
    level, score = style.interruption_level, style.relevance_score
    own = {
        **({"interruption-level": level.value} if level else {}),
        **({} if score is None else {"relevance-score": score}),
    }
    if not own and style.badge is None and style.sound is None and style.image is None:
        return None
    aps = messaging.Aps(
        badge=style.badge,
        sound=style.sound,
        mutable_content=True if style.image else None,  # the app's extension fetches the image
        custom_data=own,
    )
    return messaging.APNSPayload(aps=aps)


def _webpush(envelope: Envelope) -> messaging.WebpushConfig:
    headers = {
        "TTL": str(ttl_s(envelope)),
        "Urgency": "high" if envelope.high_priority else "normal",
    }
    if topic := web_topic(envelope.message_id):
        headers["Topic"] = topic
    return messaging.WebpushConfig(
        headers=headers,
        notification=messaging.WebpushNotification(
            tag=collapse_id(envelope.message_id), image=envelope.push.style.image
        ),
        fcm_options=messaging.WebpushFCMOptions(link=opens)
        if (opens := link(envelope.push))
        else None,
    )
