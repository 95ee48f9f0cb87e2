"""Pages rendered by the server. They load nothing from other hosts and work without their script."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Scope

from notifier.access.keyring import Keyring
from notifier.runtime.running_service import RunningService
from notifier.web.links import PREFIX, LinkPages
from notifier.web.live import LiveStreams
from notifier.web.site import Site
from notifier.web.table import PAGES

__all__ = ["LiveStreams", "pages", "wants_page"]


def pages(
    service: RunningService, keyring: Keyring, live: LiveStreams
) -> Sequence[tuple[Callable[[str], bool], ASGIApp]]:
    """The applications of pages, each with its predicate on paths. The last one answers any path."""
    site = Site(service, keyring, PAGES, live)
    return ((lambda path: path.startswith(PREFIX), LinkPages(service)), (site.serves, site))


def wants_page(scope: Scope) -> bool:
    """Whether a browser requests a page, so that a mistyped address is answered by a page, not a problem document."""
    accepted = (value for name, value in scope["headers"] if name == b"accept")
    return scope["method"] == "GET" and any(b"text/html" in value for value in accepted)
