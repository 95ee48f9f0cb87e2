"""Why somebody is not let in; whoever asks translates it (the API: 401 and 403).

AccessError
├── Unauthenticated   what was presented is no key, or none that is good any more
├── MissingScope      the caller is known, and its key lacks the scope that this needs
├── NoRole            the person is known, and no group of that person has a role
└── OtherDoor         the caller is known, and its key was made for one door, which is not this one
"""

from __future__ import annotations

from notifier.domain.errors import NotifierError


class AccessError(NotifierError):
    """A caller may not do what is asked for; the sentence says what to do."""


class Unauthenticated(AccessError):
    """The secret is no key that is good. Present a key that `notifier keys list` shows as good."""


class MissingScope(AccessError):
    """The caller is known, and its key lacks `scope`. Use a key that has it, or a role that gives it."""

    def __init__(self, scope: str, *, of_person: bool = False) -> None:
        super().__init__(
            f"your role lacks the scope `{scope}` in this project: `roles` of the configuration give it to a group"
            if of_person
            else f"this key lacks the scope `{scope}`: use one that has it, or create one with `notifier keys`"
        )
        self.scope = scope


class NoRole(AccessError):
    """The person is known, and none of that person's groups has a role here. Add one to `auth` in the configuration."""

    def __init__(self) -> None:
        super().__init__(
            "you are known, and no group of yours has a role here: ask whoever runs this service for one"
        )


class OtherDoor(AccessError):
    """The caller is known, and its key opens one door alone. Use a key without a door, or one of this door."""

    def __init__(self, door: str) -> None:
        super().__init__(
            f"this key was made for {door} alone: use another here, or create one with `notifier keys create`"
        )
