"""One failure is one report: an exception that was reported says so itself."""

from __future__ import annotations

import time

_NAME = "__notifier__"
REMEMBERED_S = 60.0
"""An exception object that is raised again later (a module's constant, say) is another failure."""


def mark(error: BaseException, event_id: str | None) -> None:
    """Remember that this failure has been dealt with; `event_id` None: it is not to be reported."""
    try:
        error.__dict__[_NAME] = (event_id, time.monotonic())
    except Exception:  # noqa: BLE001 - a class without a dictionary is reported twice rather than never
        return


def marked(error: BaseException) -> tuple[bool, str | None]:
    """Whether it has been dealt with, and its report's id."""
    try:
        event_id, at = error.__dict__[_NAME]
    except Exception:  # noqa: BLE001 - not marked, or a hostile `__dict__`
        return False, None
    return time.monotonic() - at < REMEMBERED_S, event_id


def unwrapped(error: BaseException) -> BaseException:
    """The exception a person wants to hear of: Starlette wraps those that have a handler once the response started."""
    while (
        type(error) is RuntimeError
        and error.__cause__ is not None
        and error.args[:1]
        and str(error.args[0]).startswith("Caught handled exception, but response already started")
    ):
        error = error.__cause__
    return error
