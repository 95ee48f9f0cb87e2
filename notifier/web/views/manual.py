"""A chapter of the manual, or what its search found, as one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from notifier.manual.chapters import Chapter, chapters
from notifier.manual.search import ManualHit


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualView:
    """`html` is the chapter; with a `query` there are `hits` instead. `before` and `after` are its neighbours.

    `release` is the version that runs, whose manual this is; empty where it is not installed.
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
    """The view of a chapter that there is."""
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
