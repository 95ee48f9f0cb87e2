"""By what right somebody acted: a key, or what a provider or a proxy said."""

from __future__ import annotations

from urllib.parse import urlsplit

from notifier.wording.text import inline, plain


def credential(key_name: str) -> str:
    """`key on-call`; `via login.example.com` or `via the proxy` for a person without a key.

    Such a person's identity stands where else a key's name does; its subject is for the audit, and not to be read.
    """
    if key_name.startswith("proxy:"):
        return "via the proxy"
    if key_name.startswith(("https://", "http://")):
        try:
            return f"via {plain(urlsplit(key_name).hostname or 'a provider')}"
        except ValueError:
            return "via a provider"
    return f"key {inline(key_name)}"
