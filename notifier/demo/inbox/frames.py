"""A mail's HTML for a frame that may do nothing but open its links, each in a tab of its own. Pure."""

from __future__ import annotations

import re

_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_TARGET = '<base target="_blank">'


def framed(html: str) -> str:
    """The same document, whose links open in a new tab; the frame itself stays a mail."""
    head = _HEAD.search(html)
    end = 0 if head is None else head.end()
    return f"{html[:end]}{_TARGET}{html[end:]}"
