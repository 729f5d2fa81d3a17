"""The ways to reach an operator, through Apprise: mail, chat, pager and a hundred more, each named by one address.

Apprise costs some 13 MB and 0.4 s, so it is loaded only where such an address is set. Nothing else here imports it.
"""

import logging
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from domain.values import Value

Mood = Literal["warning", "success", "info"]


class Told(Value):
    """What became of an alert at one of the ways: its kind (`mailto`, `slack`), its place in the list, and whether it was taken."""

    place: int
    kind: str
    taken: bool


class Alerts:
    """Tells operators. Each way has time-outs of its own (some seconds each), and one that fails keeps no other back.

    Raises ValueError for an address that Apprise does not know, naming its place and kind, never its secrets.
    """

    def __init__(self, addresses: str) -> None:
        # Its own lines could hold parts of an address.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        apprise: Any = import_module("apprise")
        self._mood = apprise.NotifyType
        asset = apprise.AppriseAsset(app_id="Whenabouts", async_mode=False)
        self._ways: list[tuple[str, Any]] = []
        for place, address in enumerate(_apart(addresses), start=1):
            way = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
            if way is None:
                raise ValueError(_wrong(place, address))
            self._ways.append((_kind(address), way))

    def __len__(self) -> int:
        return len(self._ways)

    def tell(self, title: str, text: str, *, mood: Mood = "warning") -> Sequence[Told]:
        """Tells every way once; never raises for what happens outside."""
        return [
            Told(place=place, kind=kind, taken=_sent(way, title, text, self._mood(mood)))
            for place, (kind, way) in enumerate(self._ways, start=1)
        ]


def check(addresses: str) -> None:
    """Raises ValueError where an address is none that Apprise knows; contacts nobody."""
    Alerts(addresses)


def _apart(addresses: str) -> list[str]:
    """One in a line, or several with a comma or space before the next one's `kind://`."""
    return [
        each.strip(" ,")
        for each in re.split(r"[\s,]+(?=[\w+-]+://)|\n", addresses)
        if each.strip(" ,")
    ]


def _kind(address: str) -> str:
    kind, mark, _ = address.partition("://")
    return (
        kind.lower() if mark and re.fullmatch(r"[\w+-]{1,30}", kind) else "an address without ://"
    )


def _wrong(place: int, address: str) -> str:
    return (
        f"number {place} ({_kind(address)}) is no address that Apprise knows, or lacks a part; "
        "docs/alerts.md has examples."
    )


def _sent(way: Any, title: str, text: str, mood: Any) -> bool:
    try:
        return bool(way.notify(body=text, title=title, notify_type=mood))
    except Exception:  # noqa: BLE001 - a hundred plugins fail in as many ways; what matters is that nobody was told
        return False
