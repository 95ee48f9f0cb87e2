"""Formats declared in the configuration or shipped as data: turns a body into events as a `FormatBlock` says.

Pure, within one budget for each body.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from notifier.domain.labels import RESERVED_LABELS
from notifier.ingest import sanitise
from notifier.ingest.batch import MAX_EVENTS, Malformed, is_ndjson
from notifier.ingest.formats.interpreter import Interpreter, OverBudget
from notifier.ingest.formats.reading import NO_SERVICE, UNKNOWN_SERVICE, ParsedBody
from notifier.ingest.formats.timestamps import as_rfc3339
from notifier.ingest.schema import FINGERPRINT, NOTE_CHARS
from notifier.settings.formats import FormatBlock

NODES: Final = 10_000
"""Limit on the values that one item's events are made of."""
NODES_OF_BODY: Final = 100_000
OVER_BUDGET: Final = "over_budget"
UNREADABLE: Final = "unreadable"
NOT_DETECTED: Final = "not_detected"
_DROPPED: Final[Mapping[str, str]] = {
    OVER_BUDGET: "{} items were left out: they cost too much to read, so send fewer at once",
    UNREADABLE: "{} lines were left out: they are no JSON",
    NOT_DETECTED: "{} lines were left out: they are not of this format",
}
_OVER: Final = frozenset({"resolved", "ok", "closed"})

Tree = dict[str, Any]


def read(
    format_: FormatBlock, name: str, body: bytes, headers: Mapping[str, str], *, service: str | None
) -> ParsedBody:
    """The events in a body. Raises `Malformed` if the body is not of the format, or too expensive to read."""
    documents_in_body, unreadable = documents(body, headers)
    return read_documents(format_, name, documents_in_body, headers, service=service, unreadable=unreadable)


def documents(body: bytes, headers: Mapping[str, str]) -> tuple[list[Any], int]:
    """The JSON documents of the body, one per line for NDJSON, and the number of lines that are no JSON."""
    lines = body.split(b"\n") if is_ndjson(headers.get("content-type")) else [body]
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise Malformed("the body is empty: send JSON", reason="empty")
    if len(texts) > MAX_EVENTS:
        raise Malformed(f"more than {MAX_EVENTS} lines in one body: send fewer at once", reason="too_many")
    decoded: list[Any] = []
    fault = ""
    for text in texts:
        try:
            decoded.append(sanitise.read(text))
        except sanitise.UnreadableJson as error:
            fault = fault or str(error)
    if not decoded:
        raise Malformed(f"the body cannot be read: {fault}")
    return decoded, len(texts) - len(decoded)


def read_documents(
    format_: FormatBlock,
    name: str,
    found: list[Any],
    headers: Mapping[str, str],
    *,
    service: str | None,
    unreadable: int = 0,
    seen: set[tuple[int, Any]] | None = None,
) -> ParsedBody:
    """The events in documents. `seen` collects the places that were read, as for `interpreter.Interpreter`."""
    reading = _Reading(format_, service, Interpreter(seen))
    try:
        ours = [each for each in found if format_.detect is None or reading.run.truth(format_.detect, each)]
        items = [item for each in ours for item in reading.items(each)]
    except OverBudget as error:
        raise Malformed(
            f"the body costs too much to read ({error}): send less at once", reason="too_many"
        ) from None
    if not ours:
        raise Malformed(
            f"the body is none of the format {name}: try it with `notifier check --format {name} --sample FILE`"
        )
    events = list(reading.events(items[:MAX_EVENTS]))
    left_out = len(items) - len(events)
    if not events and left_out:
        raise Malformed("the body costs too much to read: send less at once", reason="too_many")
    _name(events, next((headers[header] for header in format_.id_header if headers.get(header)), None))
    dropped = {OVER_BUDGET: left_out, UNREADABLE: unreadable, NOT_DETECTED: len(found) - len(ours)}
    sentences = [sentence.format(dropped[kind]) for kind, sentence in _DROPPED.items() if dropped[kind]]
    counts = {kind: count for kind, count in dropped.items() if count}
    return ParsedBody(events, dropped=counts, warnings=[*reading.warnings, *sentences])


def _name(events: list[Tree], delivery: str | None) -> None:
    """Sets the delivery's id on its events, numbered if there are several."""
    for index, event in enumerate(events if delivery is not None else ()):
        event.setdefault("id", delivery if len(events) == 1 else f"{delivery}:{index}")


@dataclass(slots=True)
class _Reading:
    format_: FormatBlock
    service: str | None
    run: Interpreter
    warnings: dict[str, None] = field(default_factory=dict)
    _nodes: int = NODES_OF_BODY

    def items(self, document: Any) -> list[Any]:
        chosen = document if self.format_.items is None else self.run.select(self.format_.items, document)
        if chosen is None:
            return []
        return chosen if isinstance(chosen, list) else [chosen]

    def events(self, items: list[Any]) -> Iterator[Tree]:
        """Yields an event per item while the budget lasts. An item that is too large by itself is skipped."""
        for item in items:
            nodes = _nodes_in(item)
            self._nodes -= nodes
            if nodes > NODES:
                continue
            if self._nodes < 0:
                return
            try:
                event = self._event(item)
            except OverBudget:
                return
            yield event

    def _event(self, item: Any) -> Tree:
        event: Tree = {}
        for name, expression in self.format_.map.expressions.items():
            value = self._value(name, self.run.run(expression, item))
            if value is not None:
                event[name] = value
        if self.format_.resolve_when is not None and self.run.truth(self.format_.resolve_when, item):
            event["status"] = "resolved"
        if not event.get("service"):
            event["service"] = self.service or UNKNOWN_SERVICE
            if self.service is None:
                self.warnings[NO_SERVICE] = None
        return event

    def _value(self, name: str, value: Any) -> Any:
        """The value converted for a field of the event. None if it does not fit there."""
        if value is None or value in ("", [], {}):
            return None
        return _FIELDS[name](self, value) if name in _FIELDS else self.run.text(value)

    def _labels(self, value: Any) -> Tree | None:
        return _without_nones(value, without=RESERVED_LABELS) if isinstance(value, dict) else None

    def _status(self, value: Any) -> str | None:
        return "resolved" if str(value).lower() in _OVER else None

    def _timestamp(self, value: Any) -> str | None:
        return as_rfc3339(value)

    def _context(self, value: Any) -> Tree:
        return _without_nones(value) if isinstance(value, dict) else {"value": value}

    def _severity(self, value: Any) -> str:
        word = self.run.text(value)
        known = {name.casefold(): severity for name, severity in self.format_.severities.items()}
        return known.get(word.casefold(), word)

    def _fingerprint(self, value: Any) -> list[str] | None:
        """The parts, prefixed with the key's service, because a product's ids are unique only within a service."""
        parts = value if isinstance(value, list) else [value]
        texts = [self.run.text(part) for part in parts[: FINGERPRINT - 1] if part is not None]
        if texts and self.service is not None:
            texts.append(self.service)
        return [text if len(text) <= NOTE_CHARS else _digest(text) for text in texts] or None

    def _links(self, value: Any) -> list[Tree] | None:
        links = [
            entry if isinstance(entry, dict) else {"url": entry}
            for entry in (value if isinstance(value, list) else [value])
        ]
        return [
            {"url": link["url"], "title": self.run.text(link.get("title") or "link")}
            for link in links
            if isinstance(link.get("url"), str) and link["url"]
        ] or None


_FIELDS: Final[Mapping[str, Callable[[_Reading, Any], Any]]] = {
    "severity": _Reading._severity,  # noqa: SLF001
    "fingerprint": _Reading._fingerprint,  # noqa: SLF001
    "labels": _Reading._labels,  # noqa: SLF001
    "links": _Reading._links,  # noqa: SLF001
    "status": _Reading._status,  # noqa: SLF001
    "timestamp": _Reading._timestamp,  # noqa: SLF001
    "context": _Reading._context,  # noqa: SLF001
}


def _without_nones(value: Tree, without: Collection[str] = ()) -> Tree:
    return {key: entry for key, entry in value.items() if entry is not None and key not in without}


def _digest(text: str) -> str:
    """A hash in place of a text that would be cut, and could then equal another."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _nodes_in(value: Any) -> int:
    """The number of values in a tree, counted up to one more than the limit of an item."""
    count, waiting = 0, [value]
    while waiting and count <= NODES:
        entry = waiting.pop()
        count += 1
        if isinstance(entry, dict):
            waiting.extend(entry.values())
        elif isinstance(entry, list):
            waiting.extend(entry)
    return count
