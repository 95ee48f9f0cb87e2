"""The addresses that an outgoing request may connect to.

The table is explicit because `ipaddress.is_global` is true for NAT64 and 6to4 loopback, multicast and more. An IPv6
address that embeds an IPv4 address is checked by both. Sources: the IANA special-purpose registries, RFC 6890, RFC
6052.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


LINK_LOCAL = _networks("169.254.0.0/16", "fe80::/10")
DENIED = _networks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
    "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)  # fmt: skip


def allowed_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parses CIDR networks or single addresses. Raises `ValueError` for anything else, and if host bits are set."""
    return tuple(ip_network(text) for text in texts)


def refusal(text: str, *, allow_private: bool, exempt: Iterable[Network] = ()) -> str | None:
    """Why this resolved address must not be connected to, or None if it may be.

    Link-local addresses (cloud metadata) are always refused. `exempt` are a channel's `allow_addresses`;
    `allow_private` allows everything else in the table.
    """
    address = _mapped(ip_address(text.partition("%")[0]))
    if any(_within(each, LINK_LOCAL) for each in (address, *_embedded(address))):
        return f"{address} is link-local, which is never allowed"
    if allow_private or _within(address, exempt):
        return None
    if _within(address, DENIED):
        return f"{address} is not a public address; list its network under allow_addresses if it is meant"
    return None


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _mapped(address: Address) -> Address:
    """The IPv4 address in `::ffff:a.b.c.d`, which is what the system connects to."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 address inside a NAT64 (last 32 bits), IPv4-compatible (the same) or 6to4 (bits 16 to 48) address."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    return (last, address.sixtofour) if address.sixtofour is not None else (last,)
