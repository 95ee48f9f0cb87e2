"""The address of the client behind trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

from notifier.settings.values import Network


def client_address(request: Request, trusted: Sequence[Network]) -> str:
    """The nearest address that is not a trusted proxy's.

    `X-Forwarded-For` is read from its end, where the nearest proxy appends, and only as far as trusted proxies wrote
    it: clients can forge the rest.
    """
    address = "" if request.client is None else request.client.host
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for entry in map(_without_port, reversed(forwarded)):
        if not _is_in(address, trusted) or not _is_address(entry):
            break
        address = entry
    return address


def _without_port(entry: str) -> str:
    """The address without its port, which some proxies add: `203.0.113.7:4711`, `[2001:db8::7]:4711`."""
    entry = entry.strip()
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
