"""Which addresses a webhook may reach: the public internet, and what the operator names besides.

Brands choose these addresses, and this process stands inside somebody's network: unguarded, a webhook could be made to ask
the database's port, a router's page, or the cloud's metadata for its credentials (server-side request forgery).

A name is looked up once for each POST, everything it means is checked, and the connection goes to the very address that was
checked: a name that means something else a moment later (DNS rebinding) changes nothing.
"""

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

PORTS = (443, 8443)
LONGEST_URL = 2000
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# A last label of digits, or of hexadecimal ones, makes every resolver read a name as an IPv4 address in disguise.
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")

# IANA's special-purpose registries. Python's own `is_global` differs from version to version.
_REFUSED_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; some clouds keep their metadata here
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, public by number only
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_UNICAST_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_REFUSED_6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
)


class AddressRefused(OSError):
    """A webhook may not go there; the message says why."""


class AddressGuard:
    """`networks` are those the operator allows besides the public internet; there any port is, and on loopback `http:` too."""

    def __init__(self, networks: Iterable[Network] = (), *, resolve: Resolve | None = None) -> None:
        self._networks = tuple(networks)
        self._resolve = resolve or _looked_up

    def check(self, url: str) -> None:
        """Whether `url` could ever do, for who saves it; raises AddressRefused. Looks up no name."""
        parts = _parts(url)
        host, port = _host(parts), _port(parts)
        if address := _literal(host):
            self._check_address(address, parts.scheme, port)
        elif not self._networks:
            _check_public(parts.scheme, port)

    def pin(self, scheme: str, host: str, port: int) -> str:
        """The one address to connect to; raises AddressRefused, or OSError where the name means nothing.

        Where any address of a name is refused all are: who mixes them has something in mind.
        """
        addresses = [ip_address(each) for each in self._resolve(host, port)]
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            self._check_address(address, scheme, port)
        return str(addresses[0])

    def _check_address(self, address: Address, scheme: str, port: int) -> None:
        inner = _inner(address)
        named = any(inner in network for network in self._networks)
        if named and (scheme == "https" or inner.is_loopback):
            return
        if not named and not _is_public(inner):
            raise AddressRefused("the address is not one of the public internet")
        _check_public(scheme, port)


def networks(text: str) -> tuple[Network, ...]:
    """The networks of a list such as `10.20.0.0/16, 127.0.0.0/8`; ValueError names the one that is none."""
    return tuple(_network(each.strip()) for each in text.split(",") if each.strip())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network such as 10.20.0.0/16.") from None


def _parts(url: str) -> SplitResult:
    if len(url) > LONGEST_URL or _ODD.search(url) or not url.isascii():
        raise AddressRefused("write it in plain ASCII without spaces or backslashes (xn--… names)")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise AddressRefused("it is not a web address") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise AddressRefused("it is not a web address that begins with https://")
    if "@" in parts.netloc:
        raise AddressRefused("leave user and password out: the signature proves who sends")
    if "#" in url:
        raise AddressRefused("leave the part from # on out: it is never sent")
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    labels = host.split(".")
    plain = len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    if _literal(host):
        return host
    if not plain or "%" in parts.netloc or _NUMERIC.fullmatch(labels[-1]):
        raise AddressRefused("its host is neither a name nor an address in its usual form")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise AddressRefused("its port is no number from 1 to 65535")
    return port or (443 if parts.scheme == "https" else 80)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _check_public(scheme: str, port: int) -> None:
    if scheme != "https":
        raise AddressRefused("it must begin with https://")
    if port not in PORTS:
        raise AddressRefused(f"its port must be one of {', '.join(map(str, PORTS))}")


def _inner(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that stands for it (mapped, or NAT64's)."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    return address in _UNICAST_6 and not any(address in network for network in _REFUSED_6)


def _looked_up(host: str, port: int) -> Sequence[str]:
    """In the system's own order of preference; a scope (`fe80::1%eth0`) stays and is refused as an address."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
