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
    """There is no such thing for this caller. Look for its id in the list."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"there is no such {kind}: look for its id in the list")


class Refused(OncallError):
    """The thing's present `state` does not allow it; the sentence says what to do."""

    def __init__(self, sentence: str, *, state: str) -> None:
        super().__init__(sentence)
        self.state = state


class Unreadable(OncallError):
    """`path` names the part of the question that must be written otherwise."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
