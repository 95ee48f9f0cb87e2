"""The API's own credentials: a key in the header `Authorization`."""

from __future__ import annotations

from notifier.access.errors import Unauthenticated


def bearer_secret(header: str | None) -> str:
    """The key in an `Authorization` header. `Unauthenticated` is raised if there is none."""
    scheme, _, secret = (header or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.startswith("ntf_"):
        raise Unauthenticated("send the key as `Authorization: Bearer ntf_...`")
    return secret
