"""The name in notifier's EHLO (RFC 5321, 4.1.4)."""

from __future__ import annotations

import asyncio
import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from notifier.channels.lookups import own_full_name
from notifier.domain.time import SECOND, Duration

# An unreachable name server must not delay a mail.
TIMEOUT: Duration = 2 * SECOND

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = re.compile(r"\[(IPv6:)?([0-9A-Fa-f.:]+)\]")


def validated(text: str) -> str:
    """The configured name, or an address in brackets. Raises `ValueError` with a sentence."""
    literal = _LITERAL.fullmatch(text)
    is_name = len(text) <= 253 and _NAME.fullmatch(text) and not _is_address(text)
    if is_name or (literal is not None and _version(literal[2]) == (6 if literal[1] else 4)):
        return text
    raise ValueError(
        "must be this machine's full name, such as alerts.example.com, "
        "or its address as [192.0.2.1] or [IPv6:2001:db8::1]"
    )


def name_of_url(url: str | None) -> str | None:
    """The host of `server.url` if it is a fully qualified name, else None."""
    host = urlsplit(url).hostname if url else None
    try:
        name = (host or "").encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return _full(name)


async def own_name() -> str | None:
    """The machine's fully qualified name. None if it has none, or the look-up takes too long."""
    try:
        async with asyncio.timeout(TIMEOUT / SECOND):
            name = await own_full_name()
    except (TimeoutError, OSError, UnicodeError):
        return None
    return _full(name)


def address_literal(address: str) -> str:
    """The address literal for EHLO: `[127.0.0.1]`, `[IPv6:::1]`. `[127.0.0.1]` if the text is no address."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "[127.0.0.1]"
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is None:
        return f"[IPv6:{ip}]"
    return f"[{getattr(ip, 'ipv4_mapped', None) or ip}]"


def _version(address: str) -> int | None:
    try:
        return ip_address(address).version
    except ValueError:
        return None


def _full(found: str) -> str | None:
    """The name if it is fully qualified. None for an address, or for a default name such as localhost."""
    name = found.rstrip(".")
    labels = name.lower().split(".")
    if len(labels) < 2 or labels[0] == "localhost" or labels[-1] in {"arpa", "localhost"}:
        return None
    return name if len(name) <= 253 and _NAME.fullmatch(name) and not _is_address(name) else None


def _is_address(text: str) -> bool:
    """Whether the text is meant as an address: a name's last label is not all digits (RFC 1123, 2.1)."""
    return text.rpartition(".")[2].isdigit()
