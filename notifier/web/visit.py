"""The seam between HTTP and the pages: a visit, and what a page answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from notifier.access.sessions import Session
from notifier.domain.key import Scope
from notifier.domain.time import Instant
from notifier.oncall.actor import Actor
from notifier.runtime.running_service import RunningService
from notifier.web.forms import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a person who has signed in.

    `origin` is where the reader's browser finds the service: of server.url, else as the browser named it. `path` holds
    the parts of the path that its row names, `query` the address's fields, `form` those of a POST.
    """

    service: RunningService
    session: Session
    origin: str
    path: Mapping[str, str]
    query: Form
    form: Form

    @property
    def now(self) -> Instant:
        return self.service.database.now()

    @property
    def project(self) -> str:
        return self.session.caller.project

    @property
    def project_scope(self) -> str | None:
        return self.session.caller.project_scope

    def may(self, scope: Scope) -> bool:
        """Whether the session's key has the scope: what it may not do is not offered."""
        return self.session.caller.may(scope)

    def actor(self, *, project: str | None = None) -> Actor:
        """The actor: by the name of the key or the person, in its project or, with `admin`, in another."""
        caller = self.session.caller
        return Actor(
            name=caller.name,
            key_name=caller.name if caller.person is None else caller.person.identity,
            project=caller.project_named(project),
            project_scope=caller.project_scope,
            new_id=self.service.new_id,
        )

    def url(self, path: str, **query: object) -> str:
        """The address of a page, below the path of `server.url` where that has one."""
        return address(base_path(self.service), path, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page to render: the template's name and its one value."""

    template: str
    view: object
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """After an act: where to look at what it did. `notice` is a name of `notices`, `counts` its numbers."""

    path: str
    query: Mapping[str, object]
    notice: str | None = None
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of the manual's."""

    content: bytes
    media_type: str


PageHandler = Callable[[Visit], Awaitable[Shown | Redirect | Picture]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """One page, or one act of a page. `nav` is its name in the navigation, where it stands there."""

    method: Literal["GET", "POST"]
    path: str
    scope: Scope
    handler: PageHandler
    nav: str | None = None


def origin_of(service: RunningService, named: str) -> str:
    """`https://notifier.example.com`, without a path; `named` is the browser's own where server.url is not set."""
    parts = urlsplit(service.settings.server.url or named)
    return f"{parts.scheme}://{parts.netloc}"


def base_path(service: RunningService) -> str:
    """The path of `server.url`, without a slash at its end; empty where it has none."""
    return urlsplit(service.settings.server.url or "").path.rstrip("/")


def address(base: str, path: str, query: Mapping[str, object]) -> str:
    """An address of ours; what is None is left out of its query, and a tuple has its name several times."""
    fields = [
        (name, value)
        for name, given in query.items()
        for value in (given if isinstance(given, tuple) else (given,))
    ]
    given = [(name, str(value)) for name, value in fields if value is not None]
    return f"{base}{path}?{urlencode(given)}" if given else f"{base}{path}"
