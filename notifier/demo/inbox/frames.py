"""A mail's HTML for a sandboxed frame whose links open in new tabs. Pure."""

from __future__ import annotations

import re

_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_TARGET = '<base target="_blank">'


def framed(html: str) -> str:
    """The document with a base element that opens links in a new tab."""
    head = _HEAD.search(html)
    end = 0 if head is None else head.end()
    return f"{html[:end]}{_TARGET}{html[end:]}"
