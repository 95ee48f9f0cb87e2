"""Why the demo cannot run. Imports next to nothing, so that the demo can speak at once."""

from __future__ import annotations

from notifier.domain.errors import NotifierError


class CannotRun(NotifierError):
    """The demo cannot start or go on; the text says why, and what to do."""
