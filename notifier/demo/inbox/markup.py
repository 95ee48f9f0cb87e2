"""Slack's markup as plain text for a terminal, and as HTML for the page; and a mail's text with its links. Pure.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

_TOKEN = re.compile(r"<([^<>]+)>")
_DATE = re.compile(r"!date\^(\d{1,12})\^([^^|]*)(?:\^[^|]*)?(?:\|(.*))?", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s\"'<>|]+")
_FENCE = re.compile(r"```(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*([^*\n]+)\*")
_DAY = "%Y-%m-%d"
_TIMES = {
    "{date_num}": _DAY, "{date}": "%B %-d, %Y", "{date_short}": "%b %-d, %Y", "{date_long}": "%A, %B %-d, %Y",
    "{date_pretty}": "%B %-d", "{date_short_pretty}": "%b %-d", "{date_long_pretty}": "%A, %B %-d",
    "{time}": "%H:%M", "{time_secs}": "%H:%M:%S",
}  # fmt: skip
# Stands for what has become HTML already; neither is a character of any text.
_HELD, _END = "\ue000", "\ue001"


def plain(text: str) -> str:
    """`*bold*` and code without their marks, a link as `label (address)`, entities as what they stand for."""
    text = _TOKEN.sub(lambda match: _worded(match[1]) or match[0], text)
    for marked in (_FENCE, _CODE, _BOLD):
        text = marked.sub(r"\1", text)
    return html.unescape(text)


def page(text: str) -> Markup:
    """The same as HTML, its links to be followed. Everything is escaped before a mark becomes a tag."""
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        made = _tagged(match[1])
        if made is None:
            return match[0]
        held.append(made)
        return f"{_HELD}{len(held) - 1}{_END}"

    text = _TOKEN.sub(hold, text.replace(_HELD, "").replace(_END, ""))
    safe = str(escape(html.unescape(text)))
    for marked, tag in ((_FENCE, "pre"), (_CODE, "code"), (_BOLD, "b")):
        safe = marked.sub(rf"<{tag}>\1</{tag}>", safe)
    done = re.sub(f"{_HELD}(\\d+){_END}", lambda match: held[int(match[1])], safe)
    return Markup(done)  # noqa: S704 - escaped above; the tags are our own


def linked(text: str) -> Markup:
    """A text as HTML, with what is an address in it as a link."""
    parts, done = [], 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(".,;:)")
        parts += [escape(text[done : match.start()]), _anchor(address, address)]
        done = match.start() + len(address)
    return Markup("").join([*parts, escape(text[done:])])


def _worded(token: str) -> str | None:
    """The text of `<...>`; None: it is nothing of Slack's, or a mention."""
    if (date := _DATE.fullmatch(token)) is not None:
        return _date(date)
    address, bar, label = token.partition("|")
    if address[:1] in {"!", "@", "#"} or not (bar or _ADDRESS.fullmatch(address)):
        return None
    return f"{label} ({address})" if bar else address


def _tagged(token: str) -> str | None:
    if (date := _DATE.fullmatch(token)) is not None:
        return f"<time>{escape(_date(date))}</time>"
    address, bar, label = token.partition("|")
    if address[:1] in {"!", "@", "#"} or not (bar or _ADDRESS.fullmatch(address)):
        return None
    words, address = html.unescape(label or address), html.unescape(address)
    return str(_anchor(address, words) if _ADDRESS.fullmatch(address) else escape(words))


def _date(match: re.Match[str]) -> str:
    """In this machine's own zone, as each reader of Slack sees it in theirs."""
    at = datetime.fromtimestamp(int(match[1]), UTC).astimezone()
    text = match[2]
    for name, form in _TIMES.items():
        text = text.replace(name, at.strftime(form))
    return html.unescape(match[3] or "") if "{" in text else html.unescape(text)


def _anchor(address: str, words: str) -> Markup:
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(address, words)
