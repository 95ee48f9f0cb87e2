"""Signatures of the Standard Webhooks specification 1.0 (symmetric, `v1`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key in `whsec_` + standard base64 of 24 to 64 bytes. Raises `ValueError` if the secret has another form."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"must begin with {PREFIX}")
    try:
        # Not url-safe base64: `-` and `_` would silently give the receiver another key.
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"must be {PREFIX} and standard base64 (A-Z a-z 0-9 + / =)") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("must hold 24 to 64 bytes, in base64")
    return key


def signature(keys: Iterable[bytes], *, id_: str, seconds: int, body: bytes) -> str:
    """The `webhook-signature` header: `v1,` signatures over `id.timestamp.body`, one per key, separated by spaces."""
    signed = f"{id_}.{seconds}.".encode() + body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
