"""The credential that a person acted with: a key, or the identity from a provider or a proxy."""

from __future__ import annotations

from urllib.parse import urlsplit

from notifier.wording.text import inline, plain


def credential(key_name: str) -> str:
    """`key on-call`; `via login.example.com` or `via the proxy` for a person without a key.

    The identity of such a person is stored in place of a key's name. Its subject is for the audit only and is left
    out.
    """
    if key_name.startswith("proxy:"):
        return "via the proxy"
    if key_name.startswith(("https://", "http://")):
        try:
            return f"via {plain(urlsplit(key_name).hostname or 'a provider')}"
        except ValueError:
            return "via a provider"
    return f"key {inline(key_name)}"
