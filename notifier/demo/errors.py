"""The demo's error, in a module with next to no imports, so that the demo can print at once."""

from __future__ import annotations

from notifier.domain.errors import NotifierError


class CannotRun(NotifierError):
    """The demo cannot start or continue. The text says why, and what to do."""
