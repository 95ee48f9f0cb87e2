"""The caller: who asks, and what the caller may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.access.errors import MissingScope
from notifier.domain.key import Key, Scope

_IMPLIED: Mapping[str, frozenset[str]] = {
    "admin": frozenset({"manage", "read"}),
    "manage": frozenset({"read"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller that has shown who it is.

    `key_id` and `name` are its key's, `project` is the project that it speaks for. `scopes` are as the key was given
    them: `admin`, which is the instance's, stands for `manage` and `read` too, and `manage` for `read`. `door`: the key
    opens that one alone. `service`: whose the events are that name none.
    """

    key_id: str
    name: str
    project: str
    scopes: frozenset[str]
    door: str | None = None
    service: str | None = None

    @staticmethod
    def of(key: Key) -> Caller:
        """The caller that has shown this key."""
        return Caller(
            key_id=key.id,
            name=key.name,
            project=key.project,
            scopes=key.scopes,
            door=key.door,
            service=key.service,
        )

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.scopes or any(scope in _IMPLIED.get(granted, ()) for granted in self.scopes)

    def require(self, scope: Scope) -> None:
        """`MissingScope` unless the caller has the scope."""
        if not self.may(scope):
            raise MissingScope(scope)

    @property
    def project_scope(self) -> str | None:
        """The project whose ids the caller may see; None for `admin`, which may see those of all."""
        return None if "admin" in self.scopes else self.project

    def project_named(self, name: str | None) -> str:
        """The project of a list: the caller's own, or the one that is named, for which `admin` is required."""
        if name is None or name == self.project:
            return self.project
        self.require("admin")
        return name
