"""A person authenticated by somebody else, and the scopes that the configuration grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.key import Scope

Roles = Mapping[str, Mapping[str, frozenset[Scope]]]
"""Scopes by group and project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedPerson:
    """A person known to `issuer`: an OpenID provider, or a proxy in front of the service.

    `issuer` and `subject` together identify the person; `name` is for display. `groups` are those at sign-in.
    """

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]

    @property
    def identity(self) -> str:
        """Issuer and subject as one text, since names are not unique and may change."""
        return f"{self.issuer}#{self.subject}"


def grants(person: RecognisedPerson, roles: Roles) -> Mapping[str, frozenset[Scope]]:
    """The scopes that a person's groups grant, by project, for projects that the person may read."""
    found: dict[str, frozenset[Scope]] = {}
    for group in person.groups & roles.keys():
        for project, scopes in roles[group].items():
            found[project] = found.get(project, frozenset()) | scopes
    return {project: scopes for project, scopes in sorted(found.items()) if scopes - {"ingest"}}
