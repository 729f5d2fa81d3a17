"""Where a webhook may lead, and where it may not, however it is spelled."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.address_guard import AddressGuard, AddressRefused, networks

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


def answering(*addresses: str, networks_: str = "") -> AddressGuard:
    return AddressGuard(networks(networks_), resolve=lambda host, port: addresses)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    assert answering(address).pin("https", "hooks.example", 443) == address


def test_a_public_address_behind_nat64_is_reached() -> None:
    assert answering("64:ff9b::808:808").pin("https", "hooks.example", 443) == "64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE)
def test_no_other_address_is(address: str) -> None:
    with pytest.raises(AddressRefused):
        answering(address).pin("https", "hooks.example", 443)


@pytest.mark.parametrize("address", PRIVATE)
def test_nor_a_name_that_means_one_of_them_too(address: str) -> None:
    for addresses in ((PUBLIC[0], address), (address, PUBLIC[0])):
        with pytest.raises(AddressRefused):
            answering(*addresses).pin("https", "hooks.example", 443)


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_reached(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_loopback or address.is_multicast or address.is_link_local:
        with pytest.raises(AddressRefused):
            answering(str(address)).pin("https", "hooks.example", 443)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_means_the_same_in_ipv6(address: ipaddress.IPv4Address) -> None:
    def reached(text: str) -> bool:
        try:
            return bool(answering(text).pin("https", "hooks.example", 443))
        except AddressRefused:
            return False

    plain = reached(str(address))
    assert reached(f"::ffff:{address}") is plain
    assert reached(str(ipaddress.IPv6Address("64:ff9b::") + int(address))) is plain


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/a/b?c=d",
        "https://HOOKS.example:8443",
        "https://hooks.example.:443/",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "https://1password.example/",
    ],
)
def test_an_address_of_the_public_internet_can_be_saved(url: str) -> None:
    AddressGuard().check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "https:///path",
        "https://",
        "hooks.example",
        "//hooks.example/",
        "https://hooks.example:22/",
        "https://hooks.example:80/",
        "https://hooks.example:99999/",
        "https://hooks.example:0/",
        "https://hooks.example:x/",
        "https://user@hooks.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example@10.0.0.1/",
        "https://hooks.example\\@10.0.0.1/",
        "https://hooks.example/#fragment",
        "https://hooks example/",
        "https://hooks.example/\r\nX: y",
        "https://bücher.example/",
        "https://hooks..example/",
        "https://-hooks.example/",
        f"https://{'a' * 64}.example/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://8.8.8.010/",
        "https://8.8.2056/",
        "https://hooks.0x1/",
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[::1/",
        "https://hooks.example%2f@10.0.0.1/",
        "https://127.0.0.1%2f.hooks.example/",
        f"https://hooks.example/{'a' * 2000}",
    ],
)
def test_no_other_can(url: str) -> None:
    with pytest.raises(AddressRefused):
        AddressGuard().check(url)


class TestNetworksTheOperatorNames:
    def test_are_reached_on_any_port_over_tls(self) -> None:
        guard = answering("10.20.3.4", networks_="10.20.0.0/16")
        guard.check("https://till.internal:9000/")
        assert guard.pin("https", "till.internal", 9000) == "10.20.3.4"

    def test_only_loopback_is_reached_without_tls(self) -> None:
        guard = answering("127.0.0.1", networks_="127.0.0.0/8, 10.20.0.0/16")
        assert guard.pin("http", "localhost", 8000) == "127.0.0.1"
        with pytest.raises(AddressRefused, match="https"):
            answering("10.20.3.4", networks_="10.20.0.0/16").pin("http", "till.internal", 80)

    @pytest.mark.parametrize("address", ["10.21.0.1", "127.0.0.1", "::1", "169.254.169.254"])
    def test_open_nothing_beside_them(self, address: str) -> None:
        with pytest.raises(AddressRefused):
            answering(address, networks_="10.20.0.0/16").pin("https", "till.internal", 443)

    def test_leave_the_rules_of_the_public_internet_as_they_are(self) -> None:
        guard = answering(PUBLIC[0], networks_="127.0.0.0/8")
        for scheme, port in (("http", 80), ("https", 22)):
            with pytest.raises(AddressRefused):
                guard.pin(scheme, "hooks.example", port)

    @pytest.mark.parametrize("text", ["10.20.0.1/16", "localhost", "10.20.0.0/33", "all"])
    def test_are_written_as_networks(self, text: str) -> None:
        with pytest.raises(ValueError, match="no network"):
            networks(text)


def test_a_name_without_an_address_is_not_reached() -> None:
    with pytest.raises(OSError, match="no address"):
        answering().pin("https", "hooks.example", 443)
