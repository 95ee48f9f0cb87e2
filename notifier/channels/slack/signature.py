"""Verifies that a request comes from Slack. Never raises.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from notifier.domain.time import MINUTE, SECOND, Duration, Instant

WINDOW: Duration = 5 * MINUTE
UNSIGNED = "this request is not signed: only Slack's own are answered here"
STALE = "this request was signed more than five minutes from now: are the clocks right?"
FORGED = "this signature is of no configured Slack app: is `signing_secret` the one in its Basic Information?"


def complaint(stamp: str | None, signature: str | None, *, now: Instant) -> str | None:
    """Why the headers are refused, as a sentence. None if the signature should be checked."""
    if not signature or stamp is None or not re.fullmatch(r"[0-9]{1,15}", stamp):
        return UNSIGNED
    return STALE if abs(int(stamp) * SECOND - now) > WINDOW else None


def signers(secrets: Mapping[str, str], stamp: str, signature: str, body: bytes) -> frozenset[str]:
    """The names whose secrets made this signature. All are compared, each in constant time."""
    # `compare_digest` raises on strings that are not ASCII.
    received = signature.encode("utf-8", "replace")
    base = b"v0:" + stamp.encode("utf-8", "replace") + b":" + body
    return frozenset(
        [name for name, secret in secrets.items() if hmac.compare_digest(_sign(secret, base), received)]
    )


def _sign(secret: str, base: bytes) -> bytes:
    return b"v0=" + hmac.new(secret.encode("utf-8", "replace"), base, hashlib.sha256).hexdigest().encode()
