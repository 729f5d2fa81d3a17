"""Webhooks as the settings allow them: where they may lead, and the notifier that goes there."""

from domain.clock import SystemClock
from domain.settings import Settings
from notifiers.address_guard import AddressGuard, networks
from notifiers.webhook import WebhookNotifier, Webhooks

LONGEST_POST_S = 10.0
MOST_AT_ONCE = 16  # POSTs to one webhook, so that a slow one leaves threads to others


def guard_of(settings: Settings) -> AddressGuard:
    return AddressGuard(networks(settings.webhook_networks))


def notifier_of(settings: Settings, webhooks: Webhooks) -> WebhookNotifier:
    """The notifier of one process. Receivers hold its timestamps against their own clocks, so it takes the machine's."""
    return WebhookNotifier(
        webhooks=webhooks,
        guard=guard_of(settings),
        clock=SystemClock(),
        timeout_s=min(LONGEST_POST_S, settings.fcm_timeout_s),
        ca_file=settings.webhook_ca_file,
    )
