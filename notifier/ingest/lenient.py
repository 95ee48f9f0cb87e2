"""Lenient parsing of an event that the strict decoder refused: repairs what it can, and names what it cannot.

An unknown field moves under `context`, and what exceeds a limit is shortened; both add a warning. A known field of
the wrong type raises `InvalidField` with its path, except severities and labels, which are always converted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from notifier.ingest import sanitise, schema, severity, traces
from notifier.ingest.fields import (
    Fields,
    InvalidField,
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


def from_bytes(raw: bytes, budget: traces.TraceBudget | None = None) -> tuple[schema.EventBody, list[str]]:
    """The event in these bytes, scrubbed and within the limits, and its warnings. Raises `InvalidField`."""
    try:
        tree = sanitise.read(raw)
    except sanitise.UnreadableJson as error:
        raise InvalidField("", str(error)) from None
    return _event_in(tree, budget)


def from_tree(tree: Fields, budget: traces.TraceBudget | None = None) -> tuple[schema.EventBody, list[str]]:
    """The event in a decoded tree, read as bytes are. Raises `InvalidField` or `UnreadableJson` if it is none."""
    return _event_in(sanitise.clean(tree), budget)


def _event_in(tree: Any, budget: traces.TraceBudget | None) -> tuple[schema.EventBody, list[str]]:
    if not isinstance(tree, dict):
        raise InvalidField("", f"an event is a JSON object, this is {kind(tree)}")
    reading = DocumentReader()
    body = reading.event(tree, reading.traced(scrub(tree), budget or traces.TraceBudget()))
    return body, reading.warnings()


class DocumentReader:
    """Reads one document. Collects the warnings, and the fields that the schema does not know."""

    def __init__(self) -> None:
        self._warnings: list[str] = []
        self._unknown: dict[str, Any] = {}
        self._kept: list[tuple[str, Any]] = []

    def warnings(self) -> list[str]:
        more = len(self._warnings) - _WARNINGS
        return self._warnings if more <= 0 else [*self._warnings[:_WARNINGS], f"and {more} more"]

    def traced(self, clean: Fields, budget: traces.TraceBudget) -> Fields:
        """The event with the exception found in its message. The original message is kept under `context`.

        A remote process's traceback in the text of an exception is parsed into frames.
        """
        message, failure = clean.get("message"), clean.get("exception")
        if isinstance(failure, dict):
            return {**clean, "exception": traces.remote(failure, budget)}
        if type(message) is not str or failure is not None:
            return clean
        if traces.may_hold_trace(message) and not budget.takes(message):
            self.warn("message: a trace in it was not read as an exception; the request holds too many")
            return clean
        traced_message = traces.in_message(message)
        if traced_message is None:
            return clean
        self._kept = [(traces.KEPT, traced_message.kept)]
        return {**clean, "message": traced_message.rest, "exception": traced_message.exception}

    def event(self, tree: Fields, clean: Fields) -> schema.EventBody:
        self.keep_unknown(clean, schema.EventBody.__struct_fields__, "")
        return schema.EventBody(
            id=identity(tree.get("id")),
            timestamp=self.text(clean, "timestamp", "", schema.NAME_CHARS),
            service=self.text(clean, "service", "", schema.NAME_CHARS),
            environment=self.text(clean, "environment", "", schema.NAME_CHARS) or "production",
            release=self.text(clean, "release", "", schema.NAME_CHARS),
            host=self.text(clean, "host", "", schema.NAME_CHARS),
            severity=self._severity(clean),  # type: ignore[arg-type]
            message=self.text(clean, "message", "", schema.TEXT_CHARS),
            exception=self.failure(clean, "exception", "", schema.CAUSES),
            task=self._task(clean),
            labels=self._labels(object_in(clean, "labels", "")),
            trace_id=self.text(clean, "trace_id", "", schema.NAME_CHARS),
            fingerprint=self._texts(clean, "fingerprint", "", schema.FINGERPRINT),
            links=self._links(clean),
            status=choice(clean, "status", _STATUSES, "firing"),  # type: ignore[arg-type]
            # Last, because reading the other fields adds to it.
            context=self._context(object_in(clean, "context", "")),
        )

    def _severity(self, owner: Fields) -> str:
        value, sentence = severity.read(owner.get("severity"))
        if sentence is not None:
            self.warn(sentence)
        return value

    def failure(self, owner: Fields, name: str, where: str, causes: int) -> schema.ExceptionBody | None:
        fields = object_in(owner, name, where)
        if fields is None:
            return None
        path = f"{where}{name}"
        self.keep_unknown(fields, schema.ExceptionBody.__struct_fields__, f"{path}.")
        return schema.ExceptionBody(
            type=self.text(fields, "type", f"{path}.", schema.NAME_CHARS),
            module=self.text(fields, "module", f"{path}.", schema.NAME_CHARS),
            message=self.text(fields, "message", f"{path}.", schema.TEXT_CHARS),
            frames=self._frames(fields, f"{path}."),
            cause=self._cause(fields, f"{path}.", causes),
            notes=self._texts(fields, "notes", f"{path}.", schema.NOTES) or [],
        )

    def _cause(self, fields: Fields, where: str, causes: int) -> schema.ExceptionBody | None:
        if causes > 0:
            return self.failure(fields, "cause", where, causes - 1)
        if fields.get("cause") is not None:
            self.warn(f"exception: more than {schema.CAUSES} causes; the innermost are left out")
        return None

    def _frames(self, owner: Fields, where: str) -> list[schema.FrameBody]:
        items = array_in(owner, "frames", where)
        frames = [self._frame(item, f"{where}frames[{i}]") for i, item in enumerate(items)]
        if len(frames) <= schema.FRAMES:
            return frames
        self.warn(
            f"{where}frames: {len(frames)} frames; the {schema.FRAMES_OUTERMOST} outermost and the "
            f"{schema.FRAMES - schema.FRAMES_OUTERMOST} innermost are kept"
        )
        return frames[: schema.FRAMES_OUTERMOST] + frames[schema.FRAMES_OUTERMOST - schema.FRAMES :]

    def _frame(self, item: Any, path: str) -> schema.FrameBody:
        fields = as_object(item, path)
        self.keep_unknown(fields, schema.FrameBody.__struct_fields__, f"{path}.")
        return schema.FrameBody(
            file=self.text(fields, "file", f"{path}.", schema.CODE_CHARS),
            function=self.text(fields, "function", f"{path}.", schema.NAME_CHARS),
            line=integer(fields, "line", f"{path}."),
            code=self.text(fields, "code", f"{path}.", schema.CODE_CHARS),
            in_app=truth(fields, "in_app", f"{path}."),
        )

    def _task(self, owner: Fields) -> schema.TaskBody | None:
        fields = object_in(owner, "task", "")
        if fields is None:
            return None
        self.keep_unknown(fields, schema.TaskBody.__struct_fields__, "task.")
        return schema.TaskBody(
            id=self.text(fields, "id", "task.", schema.NAME_CHARS),
            name=self.text(fields, "name", "task.", schema.NAME_CHARS),
            attempt=integer(fields, "attempt", "task."),
            max_attempts=integer(fields, "max_attempts", "task."),
        )

    def _links(self, owner: Fields) -> list[schema.LinkBody]:
        items = array_in(owner, "links", "")
        if len(items) > schema.LINKS:
            self.warn(f"links: {len(items)} links; the first {schema.LINKS} are kept")
        return [self._link(item, f"links[{i}]") for i, item in enumerate(items[: schema.LINKS])]

    def _link(self, item: Any, path: str) -> schema.LinkBody:
        fields = as_object(item, path)
        self.keep_unknown(fields, schema.LinkBody.__struct_fields__, f"{path}.")
        return schema.LinkBody(
            title=self.text(fields, "title", f"{path}.", schema.NAME_CHARS),
            url=self.text(fields, "url", f"{path}.", schema.URL_CHARS),
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
            if not key or len(labels) == schema.LABELS:
                self.warn(
                    f"{path}: left out; a label has a name, and an event at most {schema.LABELS} of them"
                )
                continue
            text = value if isinstance(value, bool | int) else str(value)
            shortened = self._short(text, path, schema.NAME_CHARS) if isinstance(text, str) else text
            labels[self._short(key, path, schema.LABEL_KEY_CHARS)] = shortened
        return labels

    def _context(self, fields: Fields | None) -> dict[str, Any]:
        merged = dict(fields or {})
        for name, value in [*self._unknown.items(), *self._kept]:
            free = name
            while free in merged:
                free += "_"
            merged[free] = value
        context, whole = bounded(merged, schema.CONTEXT_DEPTH)
        bounded_context = first_fitting(context, schema.CONTEXT_BYTES)
        if not whole or len(bounded_context) < len(context):
            self.warn("context: shortened; it was too deep, too wide or too long")
        return bounded_context

    def keep_unknown(self, fields: Fields, known: Iterable[str], where: str) -> None:
        for name in fields.keys() - set(known):
            full = f"{where}{name}"[: schema.CONTEXT_KEY_CHARS]
            self._unknown[full] = fields[name]
        for name in fields:
            if name not in known:
                self.warn(f'unknown field "{where}{name[:64]}" is kept under context')

    def text(self, owner: Fields, name: str, where: str, chars: int) -> str | None:
        value = owner.get(name)
        if value is None or value == "":
            return None
        if type(value) is not str:
            raise InvalidField(f"{where}{name}", f"must be a string, this is {kind(value)}")
        return self._short(value, f"{where}{name}", chars)

    def _texts(self, owner: Fields, name: str, where: str, count: int) -> list[str] | None:
        if owner.get(name) is None:
            return None
        items = array_in(owner, name, where)
        for position, item in enumerate(items):
            if type(item) is not str:
                raise InvalidField(f"{where}{name}[{position}]", f"must be a string, this is {kind(item)}")
        if len(items) > count:
            self.warn(f"{where}{name}: {len(items)} entries; the first {count} are kept")
        return [self._short(x, f"{where}{name}[{i}]", schema.NOTE_CHARS) for i, x in enumerate(items[:count])]

    def _short(self, value: str, path: str, chars: int) -> str:
        if len(value) <= chars:
            return value
        self.warn(f"{path}: {len(value)} characters; shortened to {chars}")
        return value[: chars - len(SHORTENED)] + SHORTENED

    def warn(self, sentence: str) -> None:
        if sentence not in self._warnings[-2:]:
            self._warnings.append(sentence)


def bounded(value: Any, depth: int) -> tuple[Any, bool]:
    """The value within the context's limits, and whether it already was."""
    if isinstance(value, str):
        if len(value) > schema.CONTEXT_TEXT_CHARS:
            return value[: schema.CONTEXT_TEXT_CHARS - len(SHORTENED)] + SHORTENED, False
        return str(value), value != sanitise.TOO_DEEP
    if not isinstance(value, dict | list):
        return value, True
    if depth == 0:
        return sanitise.TOO_DEEP, False
    width = schema.CONTEXT_WIDTH
    if isinstance(value, list):
        parts = [bounded(inner, depth - 1) for inner in value[:width]]
        return [part for part, _ in parts], len(value) <= width and all(whole for _, whole in parts)
    chars = schema.CONTEXT_KEY_CHARS
    pairs = [(key[:chars], *bounded(value[key], depth - 1)) for key in list(value)[:width]]
    whole = (
        len(value) <= width
        and all(whole for _, _, whole in pairs)
        and all(len(key) <= chars for key in value)
    )
    return {key: part for key, part, _ in pairs}, whole


def first_fitting(context: dict[str, Any], remaining: int) -> dict[str, Any]:
    """The first entries, in order, that fit in so many bytes."""
    if len(_encode(context)) <= remaining:
        return context
    fitting: dict[str, Any] = {}
    for key, value in context.items():
        size = len(_encode(key)) + len(_encode(value)) + 2
        if size <= remaining:
            fitting[key] = value
            remaining -= size
    return fitting
