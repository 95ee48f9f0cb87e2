"""A chapter of the manual, or the results of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from notifier.manual.chapters import Chapter, chapters
from notifier.manual.search import ManualHit


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualView:
    """A chapter as `html`, or `hits` for a `query`. `before` and `after` are the neighbouring chapters.

    `release` is the running version, and empty if the package is not installed.
    """

    title: str
    part: str
    path: str
    html: Markup
    query: str
    hits: Sequence[ManualHit]
    release: str
    before: Chapter | None
    after: Chapter | None


def manual_view(
    *, path: str, html: Markup, query: str, hits: Sequence[ManualHit], release: str
) -> ManualView:
    """The view of an existing chapter."""
    listed = chapters()
    place = next(number for number, chapter in enumerate(listed) if chapter.path == path)
    return ManualView(
        title=f"Search the manual: {query}" if query else listed[place].title,
        part=listed[place].part,
        path=path,
        html=html,
        query=query,
        hits=hits,
        release=release,
        before=listed[place - 1] if place > 1 else None,
        after=listed[place + 1] if not query and place + 1 < len(listed) else None,
    )
