"""Under which label the push service counts each message: its offer's, within what a project may use in a day."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.messages import Envelope
from notifiers.base import Notifier
from notifiers.labels import MOST_A_DAY, OTHER, label_of
from storage import labels
from storage.engine import Transaction

_Ready = tuple[Envelope, Notifier]


def labelled(tx: Transaction, ready: Sequence[_Ready], *, now: datetime) -> list[_Ready]:
    """The envelopes with their labels; one that names no offer has none."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for envelope, _ in ready:
        if offer := _offer(envelope):
            wanted[envelope.project].add(label_of(offer))
    # In one order: two senders hold projects' names one after another. One place is kept for what all others share.
    admitted = {
        project: labels.admit(
            tx, project, wanted[project], today=now.toordinal(), most=MOST_A_DAY - 1
        )
        for project in sorted(wanted)
    }
    return [
        (_with_label(envelope, admitted.get(envelope.project, set())), notifier)
        for envelope, notifier in ready
    ]


def _with_label(envelope: Envelope, admitted: set[str]) -> Envelope:
    if not (offer := _offer(envelope)):
        return envelope
    label = label_of(offer)
    return msgspec.structs.replace(envelope, label=label if label in admitted else OTHER)


def _offer(envelope: Envelope) -> str | None:
    """The offer that a push service may count; what goes to a webhook is counted by nobody."""
    return envelope.push.data.get("offer") if envelope.customer is None else None
