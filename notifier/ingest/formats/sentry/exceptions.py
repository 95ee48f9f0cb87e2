"""Sentry's exceptions as native ones: a chain from the raised exception to its causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from notifier.ingest.formats.reading import object_of, text_of
from notifier.ingest.schema import CAUSES, FRAMES, NOTE_CHARS, NOTES, TEXT_CHARS
from notifier.policy.fingerprint.locations import of_library

Values = Sequence[Mapping[str, Any]]

VALUES: Final = 50
_CAUSE_CHARS: Final = 2_048
_FEWEST_FRAMES: Final = 10
_CODE_CHARS: Final = 384
# Java stack frames have no paths. Sentry treats these packages as libraries too.
_LIBRARIES: Final = (
    "java.", "javax.", "jakarta.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.",
    "org.springframework.", "org.apache.", "org.hibernate.", "io.netty.",
)  # fmt: skip
_LINES: Final = 2**31
_NAMELESS: Final = "?"
_PATH_CHARS: Final = 1_024


def values_of(event: Mapping[str, Any], name: str) -> Values:
    """The entries of an interface, given as `{"values": []}` or as a list. Of too many the last are kept."""
    field = event.get(name)
    entries = field.get("values") if isinstance(field, dict) else field
    if isinstance(field, dict) and "values" not in field:
        entries = [field]
    return [each for each in entries[-VALUES:] if isinstance(each, dict)] if isinstance(entries, list) else []


def exception_of(values: Values, frames: Sequence[Any]) -> dict[str, Any] | None:
    """The raised exception with its causes. If it has no frames it gets `frames`, those of the failing thread."""
    chain = [value for value in _chain(values) if _has_content(value)]
    if not chain:
        return None
    most = max(_FEWEST_FRAMES, FRAMES // len(chain))
    document: dict[str, Any] | None = None
    for position in reversed(range(len(chain))):
        document = _exception(chain[position], most, document, TEXT_CHARS if position == 0 else _CAUSE_CHARS)
    assert document is not None
    if not document["frames"]:
        document["frames"] = frames_of(frames, most)
    document["notes"] = _siblings(values, chain)
    return document


def is_synthetic(value: Mapping[str, Any]) -> bool:
    """Whether the exception only carries the location where a message was logged."""
    return not value.get("type") and object_of(value.get("mechanism")).get("synthetic") is True


def frames_of(frames: Sequence[Any], most: int = FRAMES) -> list[dict[str, Any]]:
    """The frames, outermost first, without the middle of a deep recursion."""
    outermost = most // 5
    selected = [*frames[:outermost], *frames[outermost - most :]] if len(frames) > most else frames
    documents = [_frame(frame) for frame in selected if isinstance(frame, dict)]
    return [frame for frame in documents if frame["file"] or frame["function"]]


def stack_of(owner: Mapping[str, Any]) -> Sequence[Any]:
    """The frames in a `stacktrace`."""
    frames = object_of(owner.get("stacktrace")).get("frames")
    return frames if isinstance(frames, list) else ()


def _chain(values: Values) -> Values:
    """The raised exception and its causes: linked by their ids, else ordered from the last to the first."""
    by_id: dict[int, Mapping[str, Any]] = {}
    children: dict[int, list[int]] = {}
    for value in values:
        mechanism = object_of(value.get("mechanism"))
        own, parent = mechanism.get("exception_id"), mechanism.get("parent_id")
        if type(own) is int:
            by_id.setdefault(own, value)
            if type(parent) is int and parent != own:
                children.setdefault(parent, []).append(own)
    if len(by_id) < len(values):
        return list(reversed(values))[: CAUSES + 1]
    chain: list[Mapping[str, Any]] = []
    at = min(by_id, default=None)
    while at is not None and len(chain) <= CAUSES:
        chain.append(by_id.pop(at))
        at = _cause(by_id, children.get(at, ()))
    return chain


def _cause(by_id: Mapping[int, Mapping[str, Any]], children: Sequence[int]) -> int | None:
    """The explicit cause, else the first exception of a group, else the context, as for native events."""
    linked = sorted(child for child in children if child in by_id)
    explicit = (child for child in linked if _source(by_id[child]) == "__cause__")
    others = (child for child in linked if _source(by_id[child]) != "__context__")
    return next(explicit, next(others, next(iter(linked), None)))


def _source(value: Mapping[str, Any]) -> Any:
    return object_of(value.get("mechanism")).get("source")


def _has_content(value: Mapping[str, Any]) -> bool:
    return bool(text_of(value.get("type")) or text_of(value.get("value")))


def _siblings(values: Values, chain: Values) -> list[str]:
    """The other exceptions of a group, as notes."""
    chain_ids = {id(value) for value in chain}
    others = [value for value in values if id(value) not in chain_ids and _has_content(value)]
    return [
        f"and {text_of(value.get('type')) or 'an exception'}: {text_of(value.get('value')) or ''}"[
            :NOTE_CHARS
        ]
        for value in others[:NOTES]
    ]


def _exception(
    value: Mapping[str, Any], most: int, cause: dict[str, Any] | None, chars: int
) -> dict[str, Any]:
    text = text_of(value.get("value"))
    return {
        "type": text_of(value.get("type")),
        "module": text_of(value.get("module")),
        "message": text if text is None else text[:chars],
        "frames": frames_of(stack_of(value), most),
        "cause": cause,
    }


def _frame(frame: Mapping[str, Any]) -> dict[str, Any]:
    line, code = frame.get("lineno"), text_of(frame.get("context_line"))
    return {
        "file": _file(frame),
        "function": None if frame.get("function") == _NAMELESS else text_of(frame.get("function")),
        "line": line if type(line) is int and abs(line) < _LINES else None,
        "code": code if code is None else code.strip()[:_CODE_CHARS],
        "in_app": _in_app(frame),
    }


def _file(frame: Mapping[str, Any]) -> str | None:
    """The file path as the native client reports it: made of the module if the SDK sends only the base name."""
    file, module = (
        text_of(frame.get("filename")) or text_of(frame.get("abs_path")),
        text_of(frame.get("module")),
    )
    if file is None:
        return module
    if (
        module is not None
        and "." in module
        and file.endswith((".java", ".kt", ".scala", ".groovy"))
        and "/" not in file
    ):
        return "/".join([*module.split(".")[:-1], file])
    return file


def _in_app(frame: Mapping[str, Any]) -> bool | None:
    """The SDK's own flag, else a guess from the full path."""
    marked, path, module = frame.get("in_app"), text_of(frame.get("abs_path")), text_of(frame.get("module"))
    if isinstance(marked, bool):
        return marked
    if module is not None and module.startswith(_LIBRARIES):
        return False
    return None if path is None else not of_library(path[-_PATH_CHARS:])
