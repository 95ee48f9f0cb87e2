"""Prevents duplicate reports: marks exceptions as handled by a notifier."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from notifier.client.capture import context, exception_parts

_NAME = "__notifier__"
MARK_TTL_S = 60.0
"""After this time the same exception object, such as a module's constant, counts as a new failure."""

MAX_UNITS: Final = 64

ANY_OWNER: Final = object()
"""The owner of marks that hold for all notifiers: the exception is not to be reported."""


def mark(error: BaseException, event_id: str | None, owner: object = ANY_OWNER) -> None:
    """Marks the failure as handled by `owner`. `event_id` is None if it is not to be reported."""
    seen = (event_id, time.monotonic())
    try:
        owners = _owners(error)
        units = dict(list(owners.get(owner, {}).items())[1 - MAX_UNITS :]) | {context.unit(): seen}
        exception_parts.attributes(error)[_NAME] = (*seen, {**owners, owner: units})
    except Exception:  # noqa: BLE001 - a class without a dictionary is reported twice rather than never
        return


def find_mark(error: BaseException, owner: object) -> tuple[bool, str | None]:
    """Whether this owner has handled the exception, and the id of its report.

    The same object raised in another request or task run is another failure.
    """
    try:
        owners = _owners(error)
        units = owners[owner] if owner in owners else owners[ANY_OWNER]
        here = context.unit()
        event_id, at = list(units.values())[-1] if here is None else units.get(here) or units[None]
    except Exception:  # noqa: BLE001 - not marked, or a hostile `__dict__`
        return False, None
    return time.monotonic() - at < MARK_TTL_S, event_id


def _owners(error: BaseException) -> Mapping[object, Mapping[object, tuple[str | None, float]]]:
    marks = exception_parts.attributes(error).get(_NAME, ())
    return marks[2] if len(marks) == 3 else {}


def unwrap(error: BaseException) -> BaseException:
    """The original of an exception that Starlette wrapped because a response had already started."""
    while (
        type(error) is RuntimeError
        and error.__cause__ is not None
        and error.args[:1]
        and str(error.args[0]).startswith("Caught handled exception, but response already started")
    ):
        error = error.__cause__
    return error
