"""The second reading of an event that the strict one refused: repair what can be, name exactly what cannot.

An unknown field moves under `context`; what is over a limit is shortened; both with a warning. A known field of the
wrong type is refused with its path, which names contract fields only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, Literal

import msgspec

from notifier.ingest import contract, sanitise
from notifier.ingest.scrub import scrub, scrub_text

SHORTENED: Final = "[shortened]"
_WARNINGS: Final = 20
_SEVERITIES: Final = ("critical", "error", "warning", "info")
_STATUSES: Final = ("firing", "resolved")
_encode = msgspec.json.Encoder().encode

Fields = Mapping[str, Any]


class Refused(Exception):
    """This event cannot be kept."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def read(raw: bytes) -> tuple[contract.Posted, list[str]]:
    """The event in these bytes, scrubbed and within the limits, with what was repaired. `Refused` if it cannot be."""
    try:
        tree = sanitise.read(raw)
    except sanitise.Unreadable as error:
        raise Refused("", str(error)) from None
    if not isinstance(tree, dict):
        raise Refused("", f"an event is a JSON object, this is {_kind(tree)}")
    reading = _Reading()
    posted = reading.event(tree, scrub(tree))
    return posted, reading.said()


class _Reading:
    """One event's reading: it collects the warnings, and the fields that nobody knows."""

    def __init__(self) -> None:
        self._warnings: list[str] = []
        self._unknown: dict[str, Any] = {}

    def said(self) -> list[str]:
        more = len(self._warnings) - _WARNINGS
        return self._warnings if more <= 0 else [*self._warnings[:_WARNINGS], f"and {more} more"]

    def event(self, tree: Fields, clean: Fields) -> contract.Posted:
        self._spill(clean, contract.Posted.__struct_fields__, "")
        return contract.Posted(
            id=_id(tree.get("id")),
            timestamp=self._text(clean, "timestamp", "", contract.NAME_CHARS),
            service=self._text(clean, "service", "", contract.NAME_CHARS),
            environment=self._text(clean, "environment", "", contract.NAME_CHARS) or "production",
            release=self._text(clean, "release", "", contract.NAME_CHARS),
            host=self._text(clean, "host", "", contract.NAME_CHARS),
            severity=_choice(clean, "severity", _SEVERITIES, "error"),  # type: ignore[arg-type]
            message=self._text(clean, "message", "", contract.TEXT_CHARS),
            exception=self._failure(clean, "exception", "", contract.CAUSES),
            task=self._task(clean),
            labels=self._labels(_object(clean, "labels", "")),
            trace_id=self._text(clean, "trace_id", "", contract.NAME_CHARS),
            fingerprint=self._texts(clean, "fingerprint", "", contract.FINGERPRINT),
            links=self._links(clean),
            status=_choice(clean, "status", _STATUSES, "firing"),  # type: ignore[arg-type]
            # Last: only now is known what else goes under it.
            context=self._context(_object(clean, "context", "")),
        )

    def _failure(self, owner: Fields, name: str, where: str, causes: int) -> contract.Failure | None:
        fields = _object(owner, name, where)
        if fields is None:
            return None
        path = f"{where}{name}"
        self._spill(fields, contract.Failure.__struct_fields__, f"{path}.")
        return contract.Failure(
            type=self._text(fields, "type", f"{path}.", contract.NAME_CHARS),
            module=self._text(fields, "module", f"{path}.", contract.NAME_CHARS),
            message=self._text(fields, "message", f"{path}.", contract.TEXT_CHARS),
            frames=self._frames(fields, f"{path}."),
            cause=self._cause(fields, f"{path}.", causes),
            notes=self._texts(fields, "notes", f"{path}.", contract.NOTES) or [],
        )

    def _cause(self, fields: Fields, where: str, causes: int) -> contract.Failure | None:
        if causes > 0:
            return self._failure(fields, "cause", where, causes - 1)
        if fields.get("cause") is not None:
            self._warn(f"exception: more than {contract.CAUSES} causes; the innermost are left out")
        return None

    def _frames(self, owner: Fields, where: str) -> list[contract.Frame]:
        items = _list(owner, "frames", where)
        frames = [self._frame(item, f"{where}frames[{i}]") for i, item in enumerate(items)]
        if len(frames) <= contract.FRAMES:
            return frames
        self._warn(
            f"{where}frames: {len(frames)} frames; the {contract.FRAMES_OUTERMOST} outermost and the "
            f"{contract.FRAMES - contract.FRAMES_OUTERMOST} innermost are kept"
        )
        return frames[: contract.FRAMES_OUTERMOST] + frames[contract.FRAMES_OUTERMOST - contract.FRAMES :]

    def _frame(self, item: Any, path: str) -> contract.Frame:
        fields = _fields(item, path)
        self._spill(fields, contract.Frame.__struct_fields__, f"{path}.")
        return contract.Frame(
            file=self._text(fields, "file", f"{path}.", contract.CODE_CHARS),
            function=self._text(fields, "function", f"{path}.", contract.NAME_CHARS),
            line=_int(fields, "line", f"{path}."),
            code=self._text(fields, "code", f"{path}.", contract.CODE_CHARS),
            in_app=_bool(fields, "in_app", f"{path}."),
        )

    def _task(self, owner: Fields) -> contract.Task | None:
        fields = _object(owner, "task", "")
        if fields is None:
            return None
        self._spill(fields, contract.Task.__struct_fields__, "task.")
        return contract.Task(
            id=self._text(fields, "id", "task.", contract.NAME_CHARS),
            name=self._text(fields, "name", "task.", contract.NAME_CHARS),
            attempt=_int(fields, "attempt", "task."),
            max_attempts=_int(fields, "max_attempts", "task."),
        )

    def _links(self, owner: Fields) -> list[contract.Link]:
        items = _list(owner, "links", "")
        if len(items) > contract.LINKS:
            self._warn(f"links: {len(items)} links; the first {contract.LINKS} are kept")
        return [self._link(item, f"links[{i}]") for i, item in enumerate(items[: contract.LINKS])]

    def _link(self, item: Any, path: str) -> contract.Link:
        fields = _fields(item, path)
        self._spill(fields, contract.Link.__struct_fields__, f"{path}.")
        return contract.Link(
            title=self._text(fields, "title", f"{path}.", contract.NAME_CHARS),
            url=self._text(fields, "url", f"{path}.", contract.URL_CHARS),
        )

    def _labels(self, fields: Fields | None) -> dict[str, str | int | bool]:
        labels: dict[str, str | int | bool] = {}
        for position, (key, value) in enumerate((fields or {}).items()):
            path = f"labels[{position}]"
            if value is None:
                continue
            if isinstance(value, dict | list):
                raise Refused(path, f"must be a string, a number or a truth value, this is {_kind(value)}")
            if not key or len(labels) == contract.LABELS:
                self._warn(
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
        context, whole = _bounded(merged, contract.CONTEXT_DEPTH)
        kept = _within(context, contract.CONTEXT_BYTES)
        if not whole or len(kept) < len(context):
            self._warn("context: shortened; it was too deep, too wide or too long")
        return kept

    def _spill(self, fields: Fields, known: Iterable[str], where: str) -> None:
        for name in fields.keys() - set(known):
            full = f"{where}{name}"[: contract.CONTEXT_KEY_CHARS]
            self._unknown[full] = fields[name]
        for name in fields:
            if name not in known:
                self._warn(f'unknown field "{where}{name[:64]}" is kept under context')

    def _text(self, owner: Fields, name: str, where: str, chars: int) -> str | None:
        value = owner.get(name)
        if value is None or value == "":
            return None
        if type(value) is not str:
            raise Refused(f"{where}{name}", f"must be a string, this is {_kind(value)}")
        return self._short(value, f"{where}{name}", chars)

    def _texts(self, owner: Fields, name: str, where: str, count: int) -> list[str] | None:
        if owner.get(name) is None:
            return None
        items = _list(owner, name, where)
        for position, item in enumerate(items):
            if type(item) is not str:
                raise Refused(f"{where}{name}[{position}]", f"must be a string, this is {_kind(item)}")
        if len(items) > count:
            self._warn(f"{where}{name}: {len(items)} entries; the first {count} are kept")
        return [
            self._short(x, f"{where}{name}[{i}]", contract.NOTE_CHARS) for i, x in enumerate(items[:count])
        ]

    def _short(self, value: str, path: str, chars: int) -> str:
        if len(value) <= chars:
            return value
        self._warn(f"{path}: {len(value)} characters; shortened to {chars}")
        return value[: chars - len(SHORTENED)] + SHORTENED

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warnings[-2:]:
            self._warnings.append(sentence)


def _id(value: Any) -> str | None:
    """An id is kept to the letter, or duplicates are lost; one that is a secret becomes its hash."""
    if value is None:
        return None
    if type(value) is not str or not 1 <= len(value) <= contract.ID_CHARS:
        raise Refused("id", f"must be a string of 1 to {contract.ID_CHARS} characters")
    if scrub_text(value) == value:
        return value
    return f"scrubbed-{blake2b(value.encode(), digest_size=16).hexdigest()}"


def _choice(owner: Fields, name: str, values: tuple[str, ...], default: str) -> str:
    value = owner.get(name)
    if value is None:
        return default
    if type(value) is not str or value not in values:
        raise Refused(name, f"must be one of {', '.join(values)}")
    return value


def _int(owner: Fields, name: str, where: str) -> int | None:
    value = owner.get(name)
    if value is not None and type(value) is not int:
        raise Refused(f"{where}{name}", f"must be a whole number of at most 64 bits, this is {_kind(value)}")
    return value


def _bool(owner: Fields, name: str, where: str) -> bool | None:
    value = owner.get(name)
    if value is not None and type(value) is not bool:
        raise Refused(f"{where}{name}", f"must be true or false, this is {_kind(value)}")
    return value


def _object(owner: Fields, name: str, where: str) -> Fields | None:
    value = owner.get(name)
    return None if value is None else _fields(value, f"{where}{name}")


def _fields(value: Any, path: str) -> Fields:
    if not isinstance(value, dict):
        raise Refused(path, f"must be an object, this is {_kind(value)}")
    return value


def _list(owner: Fields, name: str, where: str) -> list[Any]:
    value = owner.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{where}{name}", f"must be an array, this is {_kind(value)}")
    return value


def _kind(value: Any) -> Literal["null", "a truth value", "a number", "a string", "an array", "an object"]:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float | sanitise.Huge):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _bounded(value: Any, depth: int) -> tuple[Any, bool]:
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
        parts = [_bounded(inner, depth - 1) for inner in value[:width]]
        return [part for part, _ in parts], len(value) <= width and all(whole for _, whole in parts)
    chars = contract.CONTEXT_KEY_CHARS
    pairs = [(key[:chars], *_bounded(value[key], depth - 1)) for key in list(value)[:width]]
    whole = (
        len(value) <= width
        and all(whole for _, _, whole in pairs)
        and all(len(key) <= chars for key in value)
    )
    return {key: part for key, part, _ in pairs}, whole


def _within(context: dict[str, Any], room: int) -> dict[str, Any]:
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
