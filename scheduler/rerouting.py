"""Which of the claimed messages go to a webhook of the brand's instead of to phones."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from domain.people import Platform, Target, TargetKind
from domain.webhooks import Webhook, chosen
from notifiers.base import Notifier
from storage import webhooks
from storage.addressees import Addressee
from storage.engine import Transaction
from storage.messages import Queued

# What rests when it does not answer well, and the notifier.
Way = tuple[str, Notifier]


class Hooked(NamedTuple):
    """The way out for a webhook, and how many POSTs more it may be given now: a slow one must not take all threads."""

    way: Way
    room: int


Hook = Callable[[Webhook], Hooked]


class Rerouted(NamedTuple):
    """A message that goes to a webhook: by which way, for whom, and whether now."""

    way: Way
    addressee: Addressee
    customer: str
    has_room: bool = True


class Rerouting(NamedTuple):
    """What goes to webhooks of a batch, by message id, and the brands that have any."""

    messages: dict[str, Rerouted]
    brands: frozenset[str]


def reroute(
    tx: Transaction,
    queued: Sequence[Queued],
    targets: Mapping[str, Sequence[Addressee]],
    hook: Hook,
) -> Rerouting:
    """One query for a batch whose brands have no webhook; two for others. People without a name stay with their phones."""
    known = webhooks.of_brands(tx, {each.message.brand_id for each in queued})
    wanted: dict[str, Webhook] = {}
    for message in (each.message for each in queued):
        webhook = chosen(
            known.get((message.brand_id, message.mode), ()),
            offer=message.push.data.get("offer", ""),
            has_phone=bool(targets.get(message.id)),
        )
        if webhook:
            wanted[message.id] = webhook
    names = webhooks.names(tx, list(wanted)) if wanted else {}
    hooked = {webhook.id: hook(webhook) for webhook in wanted.values()}
    taken: Counter[str] = Counter()
    found: dict[str, Rerouted] = {}
    for message_id, webhook in wanted.items():
        if name := names.get(message_id):
            way, room = hooked[webhook.id]
            found[message_id] = Rerouted(way, _addressee(webhook), name, taken[webhook.id] < room)
            taken[webhook.id] += 1
    return Rerouting(found, frozenset(brand for brand, _ in known))


def _addressee(webhook: Webhook) -> Addressee:
    """The webhook in a phone's place: a message has one delivery to it at most, and a 410 retires it."""
    target = Target(kind=TargetKind.TOKEN, value=webhook.id)
    return Addressee(device_id=webhook.id, platform=Platform.WEB, target=target)
