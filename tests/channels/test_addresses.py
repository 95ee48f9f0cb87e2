"""The address policy: which addresses may be connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.addresses import DENIED, allowed_networks, refusal

REFUSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.0.0.1", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.19.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fd00:ec2::254", "fe80::1%eth0", "fec0::1",
    "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_of_the_table_is_refused(address: str) -> None:
    """Every row of the deny table is refused, in mapped and embedded forms too."""
    assert refusal(address, allow_private=False) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(address: str) -> None:
    """A public address is allowed, also in its mapped form."""
    assert refusal(address, allow_private=False) is None


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::1"],
)
def test_link_local_is_never_allowed(address: str) -> None:
    """Cloud metadata addresses are refused in every form, even if everything is allowed."""
    everything = allowed_networks(["0.0.0.0/0", "::/0"])
    assert refusal(address, allow_private=True, exempt=everything) is not None


def test_an_exempt_network_lifts_only_itself() -> None:
    """`allow_addresses` allows its own network only."""
    exempt = allowed_networks(["10.20.0.0/16"])
    assert refusal("10.20.1.1", allow_private=False, exempt=exempt) is None
    assert refusal("::ffff:10.20.1.1", allow_private=False, exempt=exempt) is None
    assert refusal("10.21.0.1", allow_private=False, exempt=exempt) is not None


@given(st.integers(0, 2**32 - 1))
def test_a_mapped_address_is_judged_as_the_embedded_one(number: int) -> None:
    """An IPv4 address and its mapped IPv6 form have the same verdict."""
    plain, mapped = IPv4Address(number), IPv6Address((0xFFFF << 32) | number)
    same = [refusal(str(one), allow_private=False) is None for one in (plain, mapped)]
    assert same[0] == same[1]


@given(st.sampled_from(DENIED), st.integers(min_value=0))
def test_no_address_of_a_denied_network_slips_through(network: object, offset: int) -> None:
    """Every address of every row is refused."""
    address = network[offset % network.num_addresses]  # type: ignore[index, attr-defined]
    assert refusal(str(address), allow_private=False) is not None
