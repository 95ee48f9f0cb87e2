"""Slack's mrkdwn as plain text and as HTML, and a mail's text with links. Pure.

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
# Delimiters of placeholders for finished HTML: private-use characters, which are removed from the input.
_HELD, _END = "\ue000", "\ue001"


def plain(text: str) -> str:
    """The text without the marks of bold and code, with links as `label (address)` and entities decoded."""
    text = _TOKEN.sub(lambda match: _worded(match[1]) or match[0], text)
    for marked in (_FENCE, _CODE, _BOLD):
        text = marked.sub(r"\1", text)
    return html.unescape(text)


def page(text: str) -> Markup:
    """The text as HTML with links. Everything is escaped before marks become tags."""
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
    """A text as HTML, with the addresses in it as links."""
    parts, done = [], 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(".,;:)")
        parts += [escape(text[done : match.start()]), _anchor(address, address)]
        done = match.start() + len(address)
    return Markup("").join([*parts, escape(text[done:])])


def _worded(token: str) -> str | None:
    """The text of a `<...>` token, or None if it is a mention or unknown."""
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
    """A date in this machine's time zone, as Slack shows it in each reader's."""
    at = datetime.fromtimestamp(int(match[1]), UTC).astimezone()
    text = match[2]
    for name, form in _TIMES.items():
        text = text.replace(name, at.strftime(form))
    return html.unescape(match[3] or "") if "{" in text else html.unescape(text)


def _anchor(address: str, words: str) -> Markup:
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(address, words)
