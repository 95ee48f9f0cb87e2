"""The caller: who asks, and what the caller may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.access.errors import MissingScope, NoRole
from notifier.domain.key import Key, Scope
from notifier.domain.person import RecognisedPerson, Roles, grants

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
    `person`: who it is without a key, whose identity then stands for `key_id`.
    """

    key_id: str
    name: str
    project: str
    scopes: frozenset[str]
    door: str | None = None
    service: str | None = None
    person: RecognisedPerson | None = None

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

    @staticmethod
    def of_person(person: RecognisedPerson, roles: Roles, *, project: str = "") -> Caller:
        """The caller that a person is in one of its projects, or in the first; `NoRole` where it has none."""
        granted = grants(person, roles)
        if not granted:
            raise NoRole
        project = project if project in granted else next(iter(granted))
        return Caller(
            key_id=person.identity,
            name=person.name,
            project=project,
            scopes=frozenset[str](granted[project]),
            person=person,
        )

    @property
    def owner(self) -> str | RecognisedPerson:
        """The owner of its sessions."""
        return self.key_id if self.person is None else self.person

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.scopes or any(scope in _IMPLIED.get(granted, ()) for granted in self.scopes)

    def require(self, scope: Scope) -> None:
        """`MissingScope` unless the caller has the scope."""
        if not self.may(scope):
            raise MissingScope(scope, of_person=self.person is not None)

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
