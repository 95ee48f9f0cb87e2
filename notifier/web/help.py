"""The manual's chapter for each page."""

from __future__ import annotations

from collections.abc import Mapping

CHAPTERS: Mapping[str, str] = {
    "incidents": "guides/answering",
    "groups": "explanation/timing",
    "deliveries": "guides/not-told",
    "dead-letters": "guides/not-told",
    "silences": "guides/maintenance",
    "tasks": "guides/fastapi",
    "monitors": "guides/monitors",
    "channels": "guides/channels",
    "routes": "guides/routing",
    "stats": "guides/monitoring",
    "status": "guides/monitoring",
    "sessions": "guides/keys",
    "setup": "tutorial/first-alert",
}
"""Chapters by the first segment of the page's path."""


def help_path(path: str) -> str:
    """The path of the chapter for the page at `path`; the manual's first page if there is none."""
    chapter = CHAPTERS.get(path.strip("/").split("/")[0])
    return "/manual" if chapter is None else f"/manual/{chapter}"
