"""The second reading of an event that the strict one refused: repair what can be, name exactly what cannot.

An unknown field moves under `context`; what is over a limit is shortened; both with a warning. A known field of the
wrong type is refused with its path, which names contract fields only; but a severity and a label always become one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from notifier.ingest import contract, sanitise, severity
from notifier.ingest.fields import (
    Fields,
    Refused,
    array_in,
    as_object,
    choice,
    identity,
    integer,
    kind,
    object_in,
    truth,
)
from notifier.ingest.scrub import scrub

SHORTENED: Final = "[shortened]"
_WARNINGS: Final = 20
_STATUSES: Final = ("firing", "resolved")
_encode = msgspec.json.Encoder().encode


def read(raw: bytes) -> tuple[contract.Posted, list[str]]:
    """The event in these bytes, scrubbed and within the limits, with what was repaired. `Refused` if it cannot be."""
    try:
        tree = sanitise.read(raw)
    except sanitise.Unreadable as error:
        raise Refused("", str(error)) from None
    if not isinstance(tree, dict):
        raise Refused("", f"an event is a JSON object, this is {kind(tree)}")
    reading = Reading()
    posted = reading.event(tree, scrub(tree))
    return posted, reading.said()


class Reading:
    """One document's reading: it collects the warnings, and the fields that nobody knows."""

    def __init__(self) -> None:
        self._warnings: list[str] = []
        self._unknown: dict[str, Any] = {}

    def said(self) -> list[str]:
        more = len(self._warnings) - _WARNINGS
        return self._warnings if more <= 0 else [*self._warnings[:_WARNINGS], f"and {more} more"]

    def event(self, tree: Fields, clean: Fields) -> contract.Posted:
        self.spill(clean, contract.Posted.__struct_fields__, "")
        return contract.Posted(
            id=identity(tree.get("id")),
            timestamp=self.text(clean, "timestamp", "", contract.NAME_CHARS),
            service=self.text(clean, "service", "", contract.NAME_CHARS),
            environment=self.text(clean, "environment", "", contract.NAME_CHARS) or "production",
            release=self.text(clean, "release", "", contract.NAME_CHARS),
            host=self.text(clean, "host", "", contract.NAME_CHARS),
            severity=self._severity(clean),  # type: ignore[arg-type]
            message=self.text(clean, "message", "", contract.TEXT_CHARS),
            exception=self.failure(clean, "exception", "", contract.CAUSES),
            task=self._task(clean),
            labels=self._labels(object_in(clean, "labels", "")),
            trace_id=self.text(clean, "trace_id", "", contract.NAME_CHARS),
            fingerprint=self._texts(clean, "fingerprint", "", contract.FINGERPRINT),
            links=self._links(clean),
            status=choice(clean, "status", _STATUSES, "firing"),  # type: ignore[arg-type]
            # Last: only now is known what else goes under it.
            context=self._context(object_in(clean, "context", "")),
        )

    def _severity(self, owner: Fields) -> str:
        value, sentence = severity.read(owner.get("severity"))
        if sentence is not None:
            self.warn(sentence)
        return value

    def failure(self, owner: Fields, name: str, where: str, causes: int) -> contract.Failure | None:
        fields = object_in(owner, name, where)
        if fields is None:
            return None
        path = f"{where}{name}"
        self.spill(fields, contract.Failure.__struct_fields__, f"{path}.")
        return contract.Failure(
            type=self.text(fields, "type", f"{path}.", contract.NAME_CHARS),
            module=self.text(fields, "module", f"{path}.", contract.NAME_CHARS),
            message=self.text(fields, "message", f"{path}.", contract.TEXT_CHARS),
            frames=self._frames(fields, f"{path}."),
            cause=self._cause(fields, f"{path}.", causes),
            notes=self._texts(fields, "notes", f"{path}.", contract.NOTES) or [],
        )

    def _cause(self, fields: Fields, where: str, causes: int) -> contract.Failure | None:
        if causes > 0:
            return self.failure(fields, "cause", where, causes - 1)
        if fields.get("cause") is not None:
            self.warn(f"exception: more than {contract.CAUSES} causes; the innermost are left out")
        return None

    def _frames(self, owner: Fields, where: str) -> list[contract.Frame]:
        items = array_in(owner, "frames", where)
        frames = [self._frame(item, f"{where}frames[{i}]") for i, item in enumerate(items)]
        if len(frames) <= contract.FRAMES:
            return frames
        self.warn(
            f"{where}frames: {len(frames)} frames; the {contract.FRAMES_OUTERMOST} outermost and the "
            f"{contract.FRAMES - contract.FRAMES_OUTERMOST} innermost are kept"
        )
        return frames[: contract.FRAMES_OUTERMOST] + frames[contract.FRAMES_OUTERMOST - contract.FRAMES :]

    def _frame(self, item: Any, path: str) -> contract.Frame:
        fields = as_object(item, path)
        self.spill(fields, contract.Frame.__struct_fields__, f"{path}.")
        return contract.Frame(
            file=self.text(fields, "file", f"{path}.", contract.CODE_CHARS),
            function=self.text(fields, "function", f"{path}.", contract.NAME_CHARS),
            line=integer(fields, "line", f"{path}."),
            code=self.text(fields, "code", f"{path}.", contract.CODE_CHARS),
            in_app=truth(fields, "in_app", f"{path}."),
        )

    def _task(self, owner: Fields) -> contract.Task | None:
        fields = object_in(owner, "task", "")
        if fields is None:
            return None
        self.spill(fields, contract.Task.__struct_fields__, "task.")
        return contract.Task(
            id=self.text(fields, "id", "task.", contract.NAME_CHARS),
            name=self.text(fields, "name", "task.", contract.NAME_CHARS),
            attempt=integer(fields, "attempt", "task."),
            max_attempts=integer(fields, "max_attempts", "task."),
        )

    def _links(self, owner: Fields) -> list[contract.Link]:
        items = array_in(owner, "links", "")
        if len(items) > contract.LINKS:
            self.warn(f"links: {len(items)} links; the first {contract.LINKS} are kept")
        return [self._link(item, f"links[{i}]") for i, item in enumerate(items[: contract.LINKS])]

    def _link(self, item: Any, path: str) -> contract.Link:
        fields = as_object(item, path)
        self.spill(fields, contract.Link.__struct_fields__, f"{path}.")
        return contract.Link(
            title=self.text(fields, "title", f"{path}.", contract.NAME_CHARS),
            url=self.text(fields, "url", f"{path}.", contract.URL_CHARS),
        )

    def _labels(self, fields: Fields | None) -> dict[str, str | int | bool]:
        labels: dict[str, str | int | bool] = {}
        for position, (key, value) in enumerate((fields or {}).items()):
            path = f"labels[{position}]"
            if value is None:
                continue
            if isinstance(value, dict | list):
                self.warn(
                    f"{path}: {kind(value)} became its JSON text; a label is a string, a number or a truth value"
                )
                value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # noqa: PLW2901
            if not key or len(labels) == contract.LABELS:
                self.warn(
                    f"{path}: left out; a label has a name, and an event at most {contract.LABELS} of them"
                )
                continue
            text = value if isinstance(value, bool | int) else str(value)
            kept = self._short(text, path, contract.NAME_CHARS) if isinstance(text, str) else text
            labels[self._short(key, path, contract.LABEL_KEY_CHARS)] = kept
        return labels

    def _context(self, fields: Fields | None) -> dict[str, Any]:
        merged = dict(fields or {})
        for name, value in self._unknown.items():
            free = name
            while free in merged:
                free += "_"
            merged[free] = value
        context, whole = bounded(merged, contract.CONTEXT_DEPTH)
        kept = within(context, contract.CONTEXT_BYTES)
        if not whole or len(kept) < len(context):
            self.warn("context: shortened; it was too deep, too wide or too long")
        return kept

    def spill(self, fields: Fields, known: Iterable[str], where: str) -> None:
        for name in fields.keys() - set(known):
            full = f"{where}{name}"[: contract.CONTEXT_KEY_CHARS]
            self._unknown[full] = fields[name]
        for name in fields:
            if name not in known:
                self.warn(f'unknown field "{where}{name[:64]}" is kept under context')

    def text(self, owner: Fields, name: str, where: str, chars: int) -> str | None:
        value = owner.get(name)
        if value is None or value == "":
            return None
        if type(value) is not str:
            raise Refused(f"{where}{name}", f"must be a string, this is {kind(value)}")
        return self._short(value, f"{where}{name}", chars)

    def _texts(self, owner: Fields, name: str, where: str, count: int) -> list[str] | None:
        if owner.get(name) is None:
            return None
        items = array_in(owner, name, where)
        for position, item in enumerate(items):
            if type(item) is not str:
                raise Refused(f"{where}{name}[{position}]", f"must be a string, this is {kind(item)}")
        if len(items) > count:
            self.warn(f"{where}{name}: {len(items)} entries; the first {count} are kept")
        return [
            self._short(x, f"{where}{name}[{i}]", contract.NOTE_CHARS) for i, x in enumerate(items[:count])
        ]

    def _short(self, value: str, path: str, chars: int) -> str:
        if len(value) <= chars:
            return value
        self.warn(f"{path}: {len(value)} characters; shortened to {chars}")
        return value[: chars - len(SHORTENED)] + SHORTENED

    def warn(self, sentence: str) -> None:
        if sentence not in self._warnings[-2:]:
            self._warnings.append(sentence)


def bounded(value: Any, depth: int) -> tuple[Any, bool]:
    """The value within the context's limits, and whether it was so before."""
    if isinstance(value, str):
        if len(value) > contract.CONTEXT_TEXT_CHARS:
            return value[: contract.CONTEXT_TEXT_CHARS - len(SHORTENED)] + SHORTENED, False
        return str(value), value != sanitise.TOO_DEEP
    if not isinstance(value, dict | list):
        return value, True
    if depth == 0:
        return sanitise.TOO_DEEP, False
    width = contract.CONTEXT_WIDTH
    if isinstance(value, list):
        parts = [bounded(inner, depth - 1) for inner in value[:width]]
        return [part for part, _ in parts], len(value) <= width and all(whole for _, whole in parts)
    chars = contract.CONTEXT_KEY_CHARS
    pairs = [(key[:chars], *bounded(value[key], depth - 1)) for key in list(value)[:width]]
    whole = (
        len(value) <= width
        and all(whole for _, _, whole in pairs)
        and all(len(key) <= chars for key in value)
    )
    return {key: part for key, part, _ in pairs}, whole


def within(context: dict[str, Any], room: int) -> dict[str, Any]:
    """As many entries as fit, in order."""
    if len(_encode(context)) <= room:
        return context
    kept: dict[str, Any] = {}
    for key, value in context.items():
        size = len(_encode(key)) + len(_encode(value)) + 2
        if size <= room:
            kept[key] = value
            room -= size
    return kept
