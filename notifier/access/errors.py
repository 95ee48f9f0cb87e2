"""Errors of authentication and authorisation; the API answers them with 401 and 403.

AccessError
├── Unauthenticated   the secret is no valid key
├── MissingScope      the key lacks the scope that the request needs
├── NoRole            none of the person's groups has a role
└── OtherDoor         the key was made for another endpoint
"""

from __future__ import annotations

from notifier.domain.errors import NotifierError


class AccessError(NotifierError):
    """Access is denied. The message says what to do."""


class Unauthenticated(AccessError):
    """The secret is no valid key. Use a key that `notifier keys list` shows as valid."""


class MissingScope(AccessError):
    """The key lacks `scope`. Use a key that has it, or a role that grants it."""

    def __init__(self, scope: str, *, of_person: bool = False) -> None:
        super().__init__(
            f"your role lacks the scope `{scope}` in this project: `roles` of the configuration give it to a group"
            if of_person
            else f"this key lacks the scope `{scope}`: use one that has it, or create one with `notifier keys`"
        )
        self.scope = scope


class NoRole(AccessError):
    """None of the person's groups has a role here. Add one to `auth` in the configuration."""

    def __init__(self) -> None:
        super().__init__(
            "you are known, and no group of yours has a role here: ask whoever runs this service for one"
        )


class OtherDoor(AccessError):
    """The key is valid for one endpoint only. Use a key without a door, or one made for this door."""

    def __init__(self, door: str) -> None:
        super().__init__(
            f"this key was made for {door} alone: use another here, or create one with `notifier keys create`"
        )
