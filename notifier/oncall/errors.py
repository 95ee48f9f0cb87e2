"""Why a query or command was not answered.

OncallError
├── Unknown      there is no such thing, or it is another project's: the two look alike
├── Refused      its present state does not allow it
└── Unreadable   a part of the question makes no sense
"""

from __future__ import annotations

from notifier.domain.errors import NotifierError


class OncallError(NotifierError):
    """A query or command that cannot be answered."""


class Unknown(OncallError):
    """No such thing exists for this caller. The list shows the ids."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"there is no such {kind}: look for its id in the list")


class Refused(OncallError):
    """The current `state` does not allow it. The sentence says what to do."""

    def __init__(self, sentence: str, *, state: str) -> None:
        super().__init__(sentence)
        self.state = state


class Unreadable(OncallError):
    """An invalid part of the query. `path` names it."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
