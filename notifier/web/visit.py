"""The seam between HTTP and the pages: `Visit` is the request, `Shown` or `Redirect` the page's answer."""

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

    `origin` is the service's origin in the reader's browser: that of server.url, else the one in the request. `path`
    holds the parameters of the row's path, `query` those of the address, `form` the fields of a POST.
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
        """Whether the session has this scope; pages do not offer acts that it lacks the scope for."""
        return self.session.caller.may(scope)

    def actor(self, *, project: str | None = None) -> Actor:
        """The actor of this session, in its project or, with `admin`, in another."""
        caller = self.session.caller
        return Actor(
            name=caller.name,
            key_name=caller.name if caller.person is None else caller.person.identity,
            project=caller.project_named(project),
            project_scope=caller.project_scope,
            new_id=self.service.new_id,
        )

    def url(self, path: str, **query: object) -> str:
        """The address of a page, below the path of `server.url`."""
        return address(base_path(self.service), path, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page to render: the name of its template, and its view."""

    template: str
    view: object
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """A redirect after an act. `notice` is a name in `notices`, `counts` are its numbers."""

    path: str
    query: Mapping[str, object]
    notice: str | None = None
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of the manual."""

    content: bytes
    media_type: str


PageHandler = Callable[[Visit], Awaitable[Shown | Redirect | Picture]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A page, or an act of one. `nav` is its name in the navigation, or None if it is not listed there."""

    method: Literal["GET", "POST"]
    path: str
    scope: Scope
    handler: PageHandler
    nav: str | None = None


def origin_of(service: RunningService, named: str) -> str:
    """The origin, such as `https://notifier.example.com`; `named` is the request's own, used without server.url."""
    parts = urlsplit(service.settings.server.url or named)
    return f"{parts.scheme}://{parts.netloc}"


def base_path(service: RunningService) -> str:
    """The path of `server.url` without a trailing slash; empty if it has none."""
    return urlsplit(service.settings.server.url or "").path.rstrip("/")


def address(base: str, path: str, query: Mapping[str, object]) -> str:
    """An address of ours. Query parameters that are None are omitted; a tuple repeats its parameter."""
    fields = [
        (name, value)
        for name, given in query.items()
        for value in (given if isinstance(given, tuple) else (given,))
    ]
    given = [(name, str(value)) for name, value in fields if value is not None]
    return f"{base}{path}?{urlencode(given)}" if given else f"{base}{path}"
