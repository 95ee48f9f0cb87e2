"""A person whom somebody else has recognised, and what the configuration lets that person do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.key import Scope

Roles = Mapping[str, Mapping[str, frozenset[Scope]]]
"""From a group to projects, and to the scopes that its members have in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedPerson:
    """A person as its `issuer` knows it: an OpenID provider, or the proxy in front.

    `issuer` and `subject` together are who it is; `name` is for people to read. `groups` are those of the sign-in.
    """

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]

    @property
    def identity(self) -> str:
        """Issuer and subject as one text: names are given twice, and change."""
        return f"{self.issuer}#{self.subject}"


def grants(person: RecognisedPerson, roles: Roles) -> Mapping[str, frozenset[Scope]]:
    """The scopes that a person has in each project that it may look at, by all of its groups."""
    found: dict[str, frozenset[Scope]] = {}
    for group in person.groups & roles.keys():
        for project, scopes in roles[group].items():
            found[project] = found.get(project, frozenset()) | scopes
    return {project: scopes for project, scopes in sorted(found.items()) if scopes - {"ingest"}}
