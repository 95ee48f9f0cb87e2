"""The caller of a request: its identity and what it may do."""

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
    """An authenticated caller.

    `key_id` and `name` are its key's, `project` is the project that it acts for. `scopes` are those granted to the
    key: `admin`, for the whole instance, includes `manage` and `read`, and `manage` includes `read`. `door` is the
    only endpoint that the key opens, None for all. `service` is the default for events that name none. `person` is
    set for a caller without a key, whose identity then replaces `key_id`.
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
        """The caller with this key."""
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
        """The caller for a person in one of its projects, or in the first.

        Raises `NoRole` if the person has no role there.
        """
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
        """The key id or identity to which the caller's sessions belong."""
        return self.key_id if self.person is None else self.person

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.scopes or any(scope in _IMPLIED.get(granted, ()) for granted in self.scopes)

    def require(self, scope: Scope) -> None:
        """Raise `MissingScope` unless the caller has the scope."""
        if not self.may(scope):
            raise MissingScope(scope, of_person=self.person is not None)

    @property
    def project_scope(self) -> str | None:
        """The project whose ids the caller may see; None for `admin`, which may see all."""
        return None if "admin" in self.scopes else self.project

    def project_named(self, name: str | None) -> str:
        """The project to list: the caller's own, or the named one, which requires `admin`."""
        if name is None or name == self.project:
            return self.project
        self.require("admin")
        return name
