"""A webhook receiver in Python, to copy. It needs only the standard library."""

from __future__ import annotations

WEBHOOK_RECEIVER = '''\
import base64
import hashlib
import hmac
import time

SECRET = "whsec_..."  # the channel's `secret`


def verified(headers, body: bytes) -> bool:
    """Whether notifier sent this body, and within five minutes. `headers` has lower-case names."""
    id_, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256)
    expected = "v1," + base64.b64encode(digest).decode()
    sent = headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(expected, one) for one in sent)
'''
