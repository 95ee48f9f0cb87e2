"""Pages for people, rendered by the server: nothing from elsewhere, and no script that reading or an act needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Scope

from notifier.access.keyring import Keyring
from notifier.runtime.running_service import RunningService
from notifier.web.links import PREFIX, LinkPages
from notifier.web.live import LiveStreams
from notifier.web.site import Site
from notifier.web.table import PAGES

__all__ = ["LiveStreams", "opened_by_a_person", "pages"]


def pages(
    service: RunningService, keyring: Keyring, live: LiveStreams
) -> Sequence[tuple[Callable[[str], bool], ASGIApp]]:
    """Each application of pages, with what says whether a path is one of its; the last answers any path."""
    site = Site(service, keyring, PAGES, live)
    return ((lambda path: path.startswith(PREFIX), LinkPages(service)), (site.serves, site))


def opened_by_a_person(scope: Scope) -> bool:
    """Whether a browser asks for a page, as programs do not: an address that is mistyped gets one."""
    accepted = (value for name, value in scope["headers"] if name == b"accept")
    return scope["method"] == "GET" and any(b"text/html" in value for value in accepted)
