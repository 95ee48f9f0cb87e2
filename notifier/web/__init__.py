"""Pages for people, rendered by the server: no script, and nothing from elsewhere."""

from collections.abc import Mapping

from starlette.types import ASGIApp

from notifier.oncall.context import OncallContext
from notifier.web.incidents import INCIDENTS, incident_page
from notifier.web.links import PREFIX, LinkPages

__all__ = ["pages"]


def pages(context: OncallContext) -> Mapping[str, ASGIApp]:
    """The application of each page, by the beginning of its path."""
    return {PREFIX: LinkPages(context), INCIDENTS: incident_page}
