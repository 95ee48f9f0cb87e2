"""Pages for people, rendered by the server: no script, and nothing from elsewhere."""

from notifier.web.incidents import INCIDENTS, incident_page
from notifier.web.links import PREFIX, LinkPages

__all__ = ["INCIDENTS", "PREFIX", "LinkPages", "incident_page"]
