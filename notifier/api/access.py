"""What a request may do: its key, the project that it speaks for, and the service that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import StringConstraints

from notifier.api.auth import Keyring, require
from notifier.api.problems import HttpProblem
from notifier.channels.callbacks import Callbacks
from notifier.domain.delivery import RateLimit
from notifier.domain.key import Key
from notifier.ingest.quota import Quota
from notifier.ingest.run_intake import RunIntake
from notifier.ingest.scrub import written
from notifier.oncall.actor import Actor
from notifier.oncall.paging import LONGEST, Wanted
from notifier.settings import Settings
from notifier.store.alerting import Plan
from notifier.store.database import Database

LIMIT_DEFAULT = 100
LIMIT_AT_MOST = 1_000

# No control characters: they are in no name, and PostgreSQL refuses NUL.
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]

LongName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Of a task or a service."""


class Tested(Protocol):
    """What became of a channel test at one target."""

    @property
    def target(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def detail(self) -> str | None: ...


class Reloaded(Protocol):
    """What a reload of the configuration did."""

    @property
    def version(self) -> str: ...
    @property
    def previous(self) -> str: ...
    @property
    def changed(self) -> bool: ...
    @property
    def warnings(self) -> Sequence[object]: ...
    @property
    def needs_restart(self) -> Sequence[str]: ...


class ConfiguredChannel(Protocol):
    """What the API knows of a channel's configuration: nothing secret."""

    @property
    def targets(self) -> Sequence[str]: ...
    @property
    def rate_limit(self) -> RateLimit | None: ...


class Service(Protocol):
    """The running service, as the API uses it; `runtime.Runtime` is one."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def channels(self) -> Mapping[str, ConfiguredChannel]: ...
    @property
    def callbacks(self) -> Callbacks: ...
    @property
    def runs(self) -> RunIntake: ...
    @property
    def events_quota(self) -> Quota: ...
    @property
    def new_id(self) -> Callable[[], str]: ...
    async def ready(self) -> Sequence[str]: ...
    async def exposition(self) -> bytes: ...
    async def test_channel(self, name: str, project: str, actor: str) -> Sequence[Tested]: ...
    async def backup(self, path: Path) -> None: ...
    async def reload(self, actor: Actor) -> Reloaded: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    key: Key
    service: Service

    @property
    def project_scope(self) -> str | None:
        """The project whose ids it may see; None for an `admin` key, which may see all."""
        return None if "admin" in self.key.scopes else self.key.project

    def project(self, wanted: str | None) -> str:
        """The project of a list: its own, or with `admin` the one it names."""
        if wanted is not None and wanted != self.key.project:
            require(self.key, "admin")
        return self.key.project if wanted is None else wanted

    def actor(self, name: str | None = None, *, project: str | None = None) -> Actor:
        """Who gives a command: as the body says, else the key's name."""
        return Actor(
            name=written(name) if name else self.key.name,
            key_name=self.key.name,
            project=self.project(project),
            project_scope=self.project_scope,
            new_id=self.service.new_id,
        )


def service_of(request: Request) -> Service:
    return cast("Service", request.app.state.service)


async def authenticate(request: Request) -> Key:
    """The key of the request, or 401."""
    keyring = cast("Keyring", request.app.state.keyring)
    return await keyring.authenticate(request.headers.get("authorization"))


_bearer = HTTPBearer(scheme_name="key", description="An API key, `ntf_...`", auto_error=False)
# Only for the OpenAPI document: `authenticate` reads the header itself.
Documented = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def scoped(scope: str) -> Callable[[Request, HTTPAuthorizationCredentials | None], Awaitable[Caller]]:
    """A dependency: the caller, or 401, or 403 where its key lacks the scope."""

    async def caller(request: Request, _: Documented) -> Caller:
        key = await authenticate(request)
        require(key, scope)
        return Caller(key=key, service=service_of(request))

    return caller


def wanted(
    limit: Annotated[int, Query(ge=1, le=LIMIT_AT_MOST, description="Items in one page.")] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST, description="`next_cursor` of the page before.")
    ] = None,
) -> Wanted:
    return Wanted(limit=limit, cursor=cursor)


def known_channel(service: Service, name: str) -> str:
    """The name, or 404 where the configuration has no such channel."""
    if name not in service.channels:
        raise HttpProblem(404, "the configuration has no channel of this name: see GET /v1/channels")
    return name


Running = Annotated[Service, Depends(service_of)]
Sender = Annotated[Caller, Depends(scoped("ingest"))]
Reader = Annotated[Caller, Depends(scoped("read"))]
Manager = Annotated[Caller, Depends(scoped("manage"))]
Admin = Annotated[Caller, Depends(scoped("admin"))]
Paged = Annotated[Wanted, Depends(wanted)]
ActorName = Annotated[Name | None, Query(description="Who gives the command, beside the key.")]
OfProject = Annotated[
    Name | None, Query(description="Another project's; needs an `admin` key. Default: the key's own.")
]
