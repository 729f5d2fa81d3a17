"""The inbox as a page: phones with what they show, rendered here, so that it works without scripts and asks no other host."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from notifiers.emulator.records import Notification
from notifiers.emulator.shades import Shade, Shown, shown

_MOST_PHONES = 60
_MOST_SHOWN = 10  # by one phone
_NAMES = {Shade.ANDROID: "Android", Shade.IOS: "iPhone", Shade.WEB: "Web"}
_SHELL = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
_PLACES = re.compile(r"<!--(state|shades|shade|find|phones)-->")


def _hashes(tag: str) -> str:
    """The page's own scripts or styles, by which the browser knows them from any other."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", _SHELL, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


POLICY = (
    f"default-src 'none'; style-src {_hashes('style')}; script-src {_hashes('script')}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def render(
    notifications: Iterable[Notification], *, now: datetime, shade: Shade, find: str = ""
) -> str:
    """The page for notifications, newest first, of the phones whose project or target contains `find`."""
    phones: dict[tuple[str, str], list[Notification]] = {}
    for each in notifications:
        if find.strip().lower() in f"{each.project} / {each.target}".lower():
            phones.setdefault((each.project, each.target), []).append(each)
    count = sum(len(drawer) for drawer in phones.values())
    parts = {
        "state": f"{count} notifications on {len(phones)} phones"
        if count
        else "No phone shows anything yet.",
        "shades": _shades(shade),
        "shade": shade.value,
        "find": escape(find),
        "phones": "".join(
            _phone(*name, drawer, now, shade)
            for name, drawer in list(phones.items())[:_MOST_PHONES]
        )
        + _rest(len(phones) - _MOST_PHONES, "more phones"),
    }
    return _PLACES.sub(lambda place: parts[place[1]], _SHELL)


def _shades(chosen: Shade) -> str:
    """Which platform's looks to choose from; a target does not tell whose it is."""
    return "".join(
        f'<button name="as" value="{shade}" aria-pressed="{str(shade is chosen).lower()}">{name}</button>'
        for shade, name in _NAMES.items()
    )


def _phone(
    project: str, target: str, drawer: Sequence[Notification], now: datetime, shade: Shade
) -> str:
    name = escape(f"{project} / {target}")
    cards = "".join(_card(each, shown(each, shade), now) for each in drawer[:_MOST_SHOWN])
    cards += _rest(len(drawer) - _MOST_SHOWN, "older ones")
    clock = f"<time>{_clock(now)}</time>"
    return (
        f'<section class="{shade}"><h2 title="{name}">{name}</h2><div class="glass">{clock}{cards}</div>'
        "</section>"
    )


def _rest(count: int, what: str) -> str:
    return f'<p class="meta">… and {count} {what}; /inbox lists them all.</p>' if count > 0 else ""


def _card(each: Notification, seen: Shown, now: datetime) -> str:
    expired = each.expires_at <= now
    told = [
        f"{each.priority} priority",
        *seen.marks,
        *([f"replaced {each.replaced} before it"] if each.replaced else []),
        f"expired at {_clock(each.expires_at)}" if expired else f"until {_clock(each.expires_at)}",
    ]
    message = json.dumps(each.message, indent=2, ensure_ascii=False)
    return "".join(
        (
            f'<article{" class=expired" if expired else ""} id="{escape(each.id)}">',
            f'<p class="app"><span>{escape(each.project)}</span><span>{_clock(each.received_at)}</span></p>',
            _line("title", seen.title),
            _line("text", seen.body),
            _line("image", seen.image),
            _line("meta", seen.unseen_image and f"image not shown: {seen.unseen_image}"),
            _line("link", seen.link),
            _line("meta", " · ".join(told)),
            f"<details><summary>message</summary><pre>{escape(message)}</pre></details></article>",
        )
    )


def _line(kind: str, text: str | None) -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"
