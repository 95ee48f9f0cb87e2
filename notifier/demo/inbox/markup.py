"""Slack's markup as plain text for a terminal, and as HTML for the page. Pure."""

from __future__ import annotations

import html
import re

from markupsafe import Markup, escape

_LINK = re.compile(r"<([^<>|]+)\|([^<>]*)>")
_DATE = re.compile(r"<!date\^[^|<>]*\|([^<>]*)>")
_FENCE = re.compile(r"```(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*([^*\n]+)\*")


def plain(text: str) -> str:
    """`*bold*` and code without their marks, a link as `label (address)`, entities as what they stand for."""
    text = _LINK.sub(r"\2 (\1)", _DATE.sub(r"\1", text))
    for marked in (_FENCE, _CODE, _BOLD):
        text = marked.sub(r"\1", text)
    return html.unescape(text)


def page(text: str) -> Markup:
    """The same as HTML. Everything is escaped before a mark becomes a tag."""
    safe = str(escape(html.unescape(_LINK.sub(r"\2", _DATE.sub(r"\1", text)))))
    for marked, tag in ((_FENCE, "pre"), (_CODE, "code"), (_BOLD, "b")):
        safe = marked.sub(rf"<{tag}>\1</{tag}>", safe)
    return Markup(safe)  # noqa: S704 - escaped above; the tags are our own
