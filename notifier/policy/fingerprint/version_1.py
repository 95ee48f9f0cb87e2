"""The default fingerprint of version 1, frozen: an upgrade finds incidents stored under it.

This module is not corrected. It can be removed when upgrades from that release are no longer supported.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from notifier.policy.fingerprint.exceptions import ReportedException, ReportedFrame

VERSION = 1

_MASKED_CHARS = 1_000


# Exceptions that only wrap another one: their type, and the beginnings of their messages. Starlette raises the first
# from a background task whose exception has a handler; task groups and retry libraries raise the others.
_WRAPPERS = (
    ("RuntimeError", "Caught handled exception, but response already started"),
    ("RuntimeError", "No response returned"),
    ("ExceptionGroup", "unhandled errors in a TaskGroup"),
    ("BaseExceptionGroup", "unhandled errors in a TaskGroup"),
    ("RetryError", ""),
)
_WRAPPER_TYPES = frozenset(name for name, _ in _WRAPPERS)


def compute(
    *, service: str, message: str | None, exception: ReportedException | None, given: Sequence[str] = ()
) -> str:
    """The fingerprint, 32 hex digits.

    `{{ default }}` in the sender's list `given` stands for the default fingerprint.
    """
    if not given:
        return _default(service, message, exception)
    own = tuple(given)
    if not _names_default(own):
        return _digest(["given", *own])
    return _combined(own, _default(service, message, exception))


def _uses_default(given: Iterable[str]) -> bool:
    """Whether the sender's list refers to the default fingerprint."""
    return any(_DEFAULT.search(element) for element in given)


def _unwrapped(exception: ReportedException) -> ReportedException:
    """The exception, or its cause if the exception is only a framework's wrapper."""
    while exception.type in _WRAPPER_TYPES and exception.cause is not None and _is_wrapper(exception):
        exception = exception.cause
    return exception


def _masked_message(message: str) -> str:
    """A message without variable parts: numbers, hex, UUIDs, quoted strings, dates and paths."""
    return _masked(message[:_MASKED_CHARS])


@lru_cache(maxsize=2_048)
def _masked(message: str) -> str:
    return _VARYING.sub(_placeholder, message)


_DEFAULT = re.compile(r"\{\{\s*default\s*\}\}")

# Repetitions are over one character class with a fixed end, and quoted ones are bounded, so that the time is linear
# in the length of a hostile message.
_VARYING = re.compile(
    r"""(?P<quoted>(?<!\w)'[^'\n]{0,200}'(?!\w)|"[^"\n]{0,200}"|`[^`\n]{0,200}`)"""
    r"|(?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?P<path>\b[A-Za-z]:\\[^\s'\"<>|,;]{0,400}|(?<![\w/])~?/[\w.~%+@-]+(?:/[\w.~%+@-]*)*)"
    r"|(?P<hex>\b0[xX][0-9a-fA-F]+|\b(?=[a-fA-F]{0,64}\d)(?=\d{0,64}[a-fA-F])[0-9a-fA-F]{8,64}\b)"
    r"|(?P<number>\d+(?:[.,]\d+)*(?:[eE][+-]?\d+\b)?)"
)


def _placeholder(match: re.Match[str]) -> str:
    return f"<{match.lastgroup}>"


def _default(service: str, message: str | None, exception: ReportedException | None) -> str:
    if exception is None:
        return _digest(["default", str(VERSION), service, "", "message", _masked_message(message or "")])
    exception = _unwrapped(exception)
    parts = ["default", str(VERSION), service, exception.type or ""]
    places = _places(exception.frames)
    if places:
        parts.append("frames")
        parts.extend(places)
    else:
        parts += ["message", _masked_message(exception.message or ""), _masked_message(message or "")]
    return _digest(parts)


def _places(frames: Sequence[ReportedFrame]) -> Iterable[str]:
    """Each in-app location once, in order of first appearance, so that recursion does not matter.

    Frames marked by the sender count; if there are none, frames that the sender did not exclude.
    """
    chosen = [frame for frame in frames if frame.in_app] or [
        frame for frame in frames if frame.in_app is None
    ]
    return dict.fromkeys(
        f"{_module_path(frame.file or '')}\n{frame.function or ''}"
        for frame in chosen
        if frame.file or frame.function
    )


@lru_cache(maxsize=4_096)
def _module_path(file: str) -> str:
    """The path without parts that depend on the machine: separators, a drive, the installation folder."""
    path = file.replace("\\", "/")
    for prefix in ("/site-packages/", "/dist-packages/"):
        path = path.rpartition(prefix)[2]
    return re.sub(r"^[A-Za-z]:", "", path)


def _is_wrapper(exception: ReportedException) -> bool:
    message = exception.message or ""
    return any(exception.type == name and message.startswith(start) for name, start in _WRAPPERS)


@lru_cache(maxsize=2_048)
def _combined(given: tuple[str, ...], default: str) -> str:
    elements = [_DEFAULT.sub(default, element) for element in given]
    return default if elements == [default] else _digest(["given", *elements])


@lru_cache(maxsize=2_048)
def _names_default(given: tuple[str, ...]) -> bool:
    return any("{{" in element for element in given) and _uses_default(given)


def _digest(parts: list[str]) -> str:
    # Lengths distinguish ["ab", "c"] from ["a", "bc"]; lone surrogates must not raise.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
