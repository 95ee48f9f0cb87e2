"""The places of a sender's key: `Authorization`, the format's own place, or `?key=`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from notifier.access.caller import Caller
from notifier.api.doors.request import DoorRequest
from notifier.api.problems import HttpProblem


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A presented key. `in_address` is true for a key in a URL or a DSN, which logs and browsers store."""

    secret: str
    in_address: bool = False


KeyPlace = Callable[[DoorRequest], PresentedKey | None]
"""A function for a format's own place of the key."""


def presented(request: DoorRequest, own: KeyPlace) -> PresentedKey | None:
    """The key: Bearer, the password of Basic, the format's own place, or the parameter `key`."""
    found = _authorization(request.headers.get("authorization", "")) or own(request)
    if found is not None:
        return found
    secret = request.query.get("key")
    return PresentedKey(secret, in_address=True) if secret else None


def refuse_strong_keys_in_addresses(key: PresentedKey, caller: Caller) -> None:
    """Refuse a key in a URL or a DSN with 403 if it may do more than post events."""
    if key.in_address and caller.scopes != {"ingest"}:
        raise HttpProblem(
            403,
            "a key in an address must have the scope `ingest` alone: create one with `notifier keys create`",
        )


def _authorization(header: str) -> PresentedKey | None:
    scheme, _, rest = header.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return PresentedKey(rest)
    if scheme.lower() != "basic":
        return None
    try:
        password = base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
    return PresentedKey(password) if password else None
