"""Webhooks: addresses of a brand's own that take messages for people whom no phone is to reach, or can."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from domain.people import Mode
from domain.values import Value


class Serves(StrEnum):
    """Whose messages a webhook takes."""

    WITHOUT_PHONE = "without_phone"  # of people with no phone that a push could go to
    EVERYBODY = "everybody"  # of everybody, instead of their phones


class Webhook(Value):
    """An address of a brand's, with the secret that signs what goes there (`whsec_…`).

    `offers` are the external ids of the offers whose messages it takes; empty means all. The previous secret signs
    besides the new one until `previous_until`. A webhook that answered 410 is disabled until it is saved again.
    """

    id: str
    brand_id: str
    mode: Mode
    external_id: str
    url: str
    secret: str
    serves: Serves = Serves.WITHOUT_PHONE
    offers: tuple[str, ...] = ()
    previous_secret: str | None = None
    previous_until: datetime | None = None
    disabled_at: datetime | None = None
    revision: int = 1

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Those that sign now, the newest first."""
        if self.previous_secret and self.previous_until and now < self.previous_until:
            return self.secret, self.previous_secret
        return (self.secret,)


def chosen(webhooks: Iterable[Webhook], *, offer: str, has_phone: bool) -> Webhook | None:
    """The one webhook that takes a message, or None where it goes to phones.

    Of several the narrowest: those for certain offers before those for all, then by external id.
    """
    fitting = (
        each
        for each in webhooks
        if not each.disabled_at
        and (not each.offers or offer in each.offers)
        and (each.serves is Serves.EVERYBODY or not has_phone)
    )
    return min(fitting, key=lambda each: (not each.offers, each.external_id), default=None)
