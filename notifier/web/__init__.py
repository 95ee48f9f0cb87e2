"""Pages for people, rendered by the server: no script, and nothing from elsewhere."""

from notifier.web.links import PREFIX, LinkPages

__all__ = ["PREFIX", "LinkPages"]
