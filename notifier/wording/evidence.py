"""Evidence from an incident's newest event: message, cause, own frames, notes, context and links. Bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from notifier.domain.direction import isolated
from notifier.domain.incident import Incident
from notifier.policy.fingerprint import relevant_exception_in
from notifier.wording.text import TITLE, counted, inline, plain

MESSAGE = 300
LONG = 1_000
PATH = 90
SENTENCE = 8
CODE = 240
FRAMES, DETAILS, NOTES, CONTEXT, LINKS = 5, 6, 4, 5, 5
_CAUSES = 10
_URL_CHARS = 1_000
_ADDRESS = re.compile(r"(https?://)([^/?#]{1,500})(.*)", re.IGNORECASE | re.DOTALL)
_UNSAFE = re.compile(r"[\s<>\"'`\\^{}|]")
_KEPT_IN_PATHS = "!#$%&()*+,/:;=?@[]~"
_CUT = "\u2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A location in the code, `billing/tasks.py:88 in charge`, and its source line."""

    place: str
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that a sender gave. `label` includes the host, because the title is the sender's.

    `shared` is true if another link has the same title and host; the label then includes the path too.
    """

    title: str
    url: str
    shared: bool = False

    @property
    def label(self) -> str:
        parts = urlsplit(self.url)
        host = plain(parts.hostname or "", 60)
        query = f"?{parts.query}" if parts.query else ""
        where = plain(f"{host}{parts.path}{query}", PATH) if self.shared else host
        return where if self.title == host else f"{isolated(self.title)} ({where})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`message` is the event's message if the title is not made of it. `details` are further lines of the error.

    `cause` is the innermost exception of the chain in one line, None if there is no chain. `frames` are the
    application's own, innermost first. `context` holds the sender's scalar values.
    """

    message: str | None = None
    details: tuple[str, ...] = ()
    cause: str | None = None
    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()
    context: tuple[tuple[str, str], ...] = ()
    links: tuple[Link, ...] = ()


def evidence(incident: Incident) -> Evidence:
    event = incident.latest_event
    if not isinstance(event, Mapping):
        return Evidence()
    primary = relevant_exception_in(event) or {}
    cause = innermost(primary)
    lines = _next_lines(primary.get("message")) or _next_lines((cause or {}).get("message"))
    lines += [line for line in _next_lines(event.get("message")) if line not in lines]
    rest = _rest_of_title(incident.title, primary, event.get("message"))
    return Evidence(
        message=None if rest and _same_line(primary, event) else own_message(incident),
        details=(*rest, *lines[: DETAILS - len(rest)]),
        cause=None if cause is None else _caused_by(cause),
        frames=tuple(frames(primary)),
        notes=tuple(_notes(event.get("exception"))),
        context=tuple(_context(event, incident)),
        links=links_of(incident),
    )


def links_of(incident: Incident) -> tuple[Link, ...]:
    """The newest event's links that are safe in every channel."""
    event = incident.latest_event
    return tuple(_links(event.get("links"))) if isinstance(event, Mapping) else ()


def own_message(incident: Incident) -> str | None:
    """The first line of the newest event's message. None if the title already contains it."""
    event = incident.latest_event
    line = _first_line(event.get("message")) if isinstance(event, Mapping) else ""
    text, title = plain(line, MESSAGE), plain(incident.title, MESSAGE)
    is_repeated = text in title or text.startswith(title.rstrip(_CUT))
    return None if is_repeated else text


def _rest_of_title(title: str, primary: Mapping[str, Any], message: object) -> tuple[str, ...]:
    """The end of a first line that the title cut off."""
    head = plain(title, TITLE)
    if not head.endswith(_CUT):
        return ()
    head = head.removesuffix(_CUT)
    line = plain(_first_line(primary.get("message") or message), LONG)
    kind = plain(primary.get("type") or "", TITLE)
    whole = f"{kind}: {line}" if kind and line else kind or line
    rest = whole[len(head) :] if whole.startswith(head) else ""
    return (f"{_CUT}{rest.strip()}",) if rest.strip(_CUT) else ()


def _same_line(primary: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    return _first_line(primary.get("message")) == _first_line(event.get("message"))


def innermost(exception: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last exception of the chain of causes. None if there is no cause."""
    last = exception
    for _ in range(_CAUSES):
        cause = last.get("cause")
        if not isinstance(cause, Mapping):
            break
        last = cause
    return None if last is exception else last


def top_frame(event: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The innermost own frame of the primary exception, else the innermost frame. Frames are stored outermost first."""
    return next(_inner_frames(relevant_exception_in(event) or {}), None)


def frames(exception: Mapping[str, Any]) -> Iterator[Frame]:
    """The own frames, innermost first. If there are none, the innermost frame alone."""
    for frame, _ in zip(_inner_frames(exception), range(FRAMES), strict=False):
        yield Frame(place=_location(frame), code=plain(frame.get("code") or "", CODE) or None)


def short_name(incident: Incident) -> str:
    """The shortest name: `TimeoutError in charge`, or the title if type or function is unknown."""
    primary = relevant_exception_in(incident.latest_event) or {}
    kind = inline(str(primary.get("type") or "").rpartition(".")[2], 60)
    frame = next(_inner_frames(primary), None)
    function = "" if frame is None else inline(str(frame.get("function") or "").rpartition(".")[2], 60)
    return f"{kind} in {function}" if kind and function else inline(incident.title, 80) or "(no title)"


def _inner_frames(exception: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = exception.get("frames")
    usable = [frame for frame in listed if isinstance(frame, Mapping)] if isinstance(listed, Sequence) else []
    own = [frame for frame in usable if frame.get("in_app") is True]
    yield from reversed(own or usable[-1:])


def _caused_by(cause: Mapping[str, Any]) -> str:
    kind, text = inline(cause.get("type") or "", 80), inline(_first_line(cause.get("message")), MESSAGE)
    frame = next(_inner_frames(cause), None)
    where = "" if frame is None else f" at {_location(frame)}"
    return f"{': '.join(part for part in (kind, text) if part) or '(no message)'}{where}"


def _first_line(value: object) -> str:
    return next((line for line in str(value or "").splitlines() if line.strip()), "")


def _next_lines(value: object) -> list[str]:
    """The lines after the first, such as the fields that pydantic rejected or PostgreSQL's `DETAIL`."""
    if not isinstance(value, str):
        return []
    # A prefix is enough for six lines.
    lines = [line for line in value[:4_000].splitlines() if line.strip()]
    return [_indented(line) for line in lines[1 : 1 + DETAILS]]


def _indented(line: str) -> str:
    """The line with its indentation, which shows structure."""
    depth = len(line) - len(line.lstrip())
    return " " * min(depth, 4) + plain(line, TITLE)


def _notes(exception: object) -> Iterator[str]:
    """The notes of the whole chain. Exception groups list their other exceptions there."""
    notes_seen: dict[str, None] = {}
    for _ in range(_CAUSES):
        if not isinstance(exception, Mapping):
            break
        notes = exception.get("notes")
        texts = (plain(note, TITLE) for note in (notes if isinstance(notes, list | tuple) else ()))
        notes_seen |= {text: None for text in texts if text}
        exception = exception.get("cause")
    yield from list(notes_seen)[:NOTES]
    if len(notes_seen) > NOTES:
        yield f"and {counted(len(notes_seen) - NOTES, 'more note')}"


def _context(event: Mapping[str, Any], incident: Incident) -> Iterator[tuple[str, str]]:
    """Scalar values only; nested ones are on the page. Values that the message already contains are left out."""
    context = event.get("context")
    if not isinstance(context, Mapping):
        return
    seen_urls = {link.url for link in links_of(incident)}
    texts = (incident.title, str(event.get("message") or ""))

    def is_new(name: Any, value: object) -> bool:
        if not isinstance(value, str):
            return isinstance(value, int | float)
        if value in seen_urls or value == incident.labels.get(name):
            return False
        return len(value) < SENTENCE or not any(value in text for text in texts)

    plain_ones = ((name, value) for name, value in context.items() if is_new(name, value))
    for (name, value), _ in zip(plain_ones, range(CONTEXT), strict=False):
        yield inline(name, 60), inline(value, 80)


def _links(links: object) -> Iterator[Link]:
    for link in links[:LINKS] if isinstance(links, list | tuple) else ():
        url = _address(link.get("url")) if isinstance(link, Mapping) else None
        if url is not None:
            title = plain(link.get("title") or "", 60) or plain(urlsplit(url).hostname or "link", 60)
            yield Link(title=title, url=url)


def _address(url: object) -> str | None:
    """A web address in printable ASCII that is safe in every channel. None if there is none.

    Unencoded characters after the host (`{"datasource":"loki"}`, umlauts, spaces) are encoded as browsers do; the
    host is shown as IDNA.
    """
    match = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    if match is None or any(ord(character) < 32 for character in match[0]):
        return None
    scheme, authority, path = match.groups()
    try:
        host = authority if authority.isascii() else authority.encode("idna").decode()
        whole = f"{scheme}{host}{quote(path, safe=_KEPT_IN_PATHS)}"
        usable = bool(urlsplit(whole).hostname) and _UNSAFE.search(host) is None
    except ValueError:
        return None
    return whole if usable and len(whole) <= _URL_CHARS else None


def _location(frame: Mapping[str, Any]) -> str:
    line = frame.get("line")
    file = inline(frame.get("file") or "?", 120)
    place = f"{file}:{line}" if isinstance(line, int) and abs(line) < 10**9 else file
    function = inline(frame.get("function") or "", 80)
    return f"{place} in {function}" if function else place
