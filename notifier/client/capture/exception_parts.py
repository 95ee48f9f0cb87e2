"""Reads the parts of an exception that the interpreter stores.

Overrides in the application's classes, such as a property `__cause__`, are bypassed, because they may raise anything.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeGuard, cast

_OF_ANY = vars(BaseException)
_attributes = _OF_ANY["__dict__"].__get__
_cause = _OF_ANY["__cause__"].__get__
_context = _OF_ANY["__context__"].__get__
_suppresses = _OF_ANY["__suppress_context__"].__get__
_traceback = _OF_ANY["__traceback__"].__get__
_members = vars(BaseExceptionGroup)["exceptions"].__get__


def is_exception(value: object) -> TypeGuard[BaseException]:
    """Whether the value is an exception, even if it overrides `__class__`."""
    return issubclass(type(value), BaseException)


def all_match(predicate: Callable[[BaseException], bool], error: BaseException) -> bool:
    """Whether the predicate is true of an exception, or of all members of a group."""
    inner = members(error)
    return predicate(error) or (bool(inner) and all(all_match(predicate, member) for member in inner))


def attributes(error: BaseException) -> dict[str, Any]:
    return cast("dict[str, Any]", _attributes(error))


def traceback(error: BaseException) -> TracebackType | None:
    return cast("TracebackType | None", _traceback(error))


def cause(error: BaseException) -> BaseException | None:
    """The explicit cause, else the context unless it is suppressed."""
    raised_from = _cause(error)
    if raised_from is None and not _suppresses(error):
        raised_from = _context(error)
    return cast("BaseException | None", raised_from)


def raised_from(error: BaseException) -> BaseException | None:
    return cast("BaseException | None", _cause(error))


def cause_or_context(error: BaseException) -> BaseException | None:
    """The explicit cause, else the context, even if it is suppressed."""
    raised_from = _cause(error)
    return cast("BaseException | None", _context(error) if raised_from is None else raised_from)


def members(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group, empty for other exceptions."""
    return _members(error) if issubclass(type(error), BaseExceptionGroup) else ()


def notes(error: BaseException) -> list[str]:
    """The notes that are strings."""
    added = attributes(error).get("__notes__", ())
    return [str.__str__(note) for note in added if issubclass(type(note), str)] if _is_list(added) else []


def _is_list(value: object) -> bool:
    return issubclass(type(value), list | tuple)
