"""Where the key of a sender may stand: `Authorization`, the format's own place, or `?key=`."""

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
    """A key as it was presented. `in_address`: in a URL or a DSN, which logs and browsers keep."""

    secret: str
    in_address: bool = False


KeyPlace = Callable[[DoorRequest], PresentedKey | None]
"""A format's own place for the key."""


def presented(request: DoorRequest, own: KeyPlace) -> PresentedKey | None:
    """The key: Bearer, the password of Basic, the format's own place, else the parameter `key`."""
    found = _authorization(request.headers.get("authorization", "")) or own(request)
    if found is not None:
        return found
    secret = request.query.get("key")
    return PresentedKey(secret, in_address=True) if secret else None


def refuse_strong_keys_in_addresses(key: PresentedKey, caller: Caller) -> None:
    """403 for a key in a URL or a DSN that may do more than post events."""
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
