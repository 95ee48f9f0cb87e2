"""Verification of requests: a signature or a token in a header, always in addition to a key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from notifier.domain.time import MINUTE, SECOND, Duration, Instant
from notifier.settings.formats import VerifyBlock

TOLERANCE: Final[Duration] = 5 * MINUTE
_SIGNED: Final = ("webhook-id", "webhook-timestamp")
_PREFIX: Final = "whsec_"
_MAX_SIGNATURES: Final = 20


def verified(verify: VerifyBlock | None, headers: Mapping[str, str], body: bytes, now: Instant) -> bool:
    """Whether no verification is configured, or one of the secrets matches the request."""
    if verify is None or verify.type == "sns":  # signatures of SNS are checked by `sns.is_signed`
        return verify is None
    if not verify.secret:
        return True
    secrets = [secret.get_secret_value() for secret in verify.secret]
    if verify.type == "standard-webhooks":
        return any(_standard(secret, headers, body, now) for secret in secrets)
    value = headers.get(verify.header or "", "")
    return value.startswith(verify.prefix) and any(
        _matches(verify, value.removeprefix(verify.prefix).strip(), secret, body) for secret in secrets
    )


def _matches(verify: VerifyBlock, value: str, secret: str, body: bytes) -> bool:
    """Whether a header's value is the token, or the body's signature."""
    if verify.type == "token":
        return _equal(value, secret)
    return _equal(_normalised(value, verify), _digest(secret, body, verify))


def _normalised(header: str, verify: VerifyBlock) -> str:
    return header.lower() if verify.encoding == "hex" else header


def _digest(secret: str, body: bytes, verify: VerifyBlock) -> str:
    digest = hmac.digest(secret.encode("utf-8", "replace"), body, hashlib.sha256)
    return digest.hex() if verify.encoding == "hex" else base64.b64encode(digest).decode("ascii")


def _standard(secret: str, headers: Mapping[str, str], body: bytes, now: Instant) -> bool:
    """Standard Webhooks 1.0: `v1` signatures over `id.timestamp.body`, not older than five minutes."""
    id_, seconds = (headers.get(name, "") for name in _SIGNED)
    if not id_ or not (seconds.isascii() and seconds.isdecimal()) or len(seconds) > 12:
        return False
    if abs(now - int(seconds) * SECOND) > TOLERANCE:
        return False
    signed = f"{id_}.{seconds}.".encode("latin-1", "replace") + body
    expected = base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode("ascii")
    sent = headers.get("webhook-signature", "").split(" ", _MAX_SIGNATURES)
    return any(
        _equal(signature.removeprefix("v1,"), expected) for signature in sent if signature.startswith("v1,")
    )


def _key(secret: str) -> bytes:
    """The key in base64 after `whsec_`. A secret without that prefix is the key itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode("utf-8", "replace")


def _equal(value: str, expected: str) -> bool:
    """Whether two texts are equal, compared in constant time. `value` is a header's bytes as Latin-1."""
    return hmac.compare_digest(value.encode("latin-1", "replace"), expected.encode("utf-8", "replace"))
