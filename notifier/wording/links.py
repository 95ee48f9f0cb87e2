"""The links of an event for a page. An address that is unsafe to follow is shown as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from notifier.wording.text import inline, plain

MAX_LINKS = 10
_FOLLOWED = re.compile(r"(?:https?://|mailto:)[!-~]{1,2040}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """`href` is None if the address is unsafe to follow. `text` includes the host: the title is the sender's."""

    text: str
    href: str | None


def page_links(event: Mapping[str, Any] | None) -> tuple[PageLink, ...]:
    """The links of an event, in its order."""
    links = event.get("links") if isinstance(event, Mapping) else None
    usable = [link for link in links if isinstance(link, Mapping)] if isinstance(links, list | tuple) else []
    return tuple(_link(link) for link in usable[:MAX_LINKS])


def _link(link: Mapping[str, Any]) -> PageLink:
    url = link.get("url")
    address = url if isinstance(url, str) else ""
    title = inline(link.get("title") or "", 120)
    where = _where(address)
    if where is None:
        return PageLink(
            text=": ".join(part for part in (title, inline(address, 300)) if part) or "(no address)",
            href=None,
        )
    return PageLink(text=f"{title} ({where})" if title and title != where else where, href=address)


def _where(address: str) -> str | None:
    """The host, or the recipient of a `mailto:` link. None if the address is unsafe to follow."""
    if _FOLLOWED.fullmatch(address) is None:
        return None
    try:
        parts = urlsplit(address)
        host = parts.path if parts.scheme.lower() == "mailto" else parts.hostname
    except ValueError:
        return None
    return plain(host or "", 120) or None
