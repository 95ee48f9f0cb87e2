"""`/manual`: the chapters of the running version's manual, and its search."""

from __future__ import annotations

import asyncio
from functools import cache

from markupsafe import Markup

from notifier.manual.chapters import chapter_at, chapters, picture_at
from notifier.manual.search import QUERY_CHARS, ManualIndex
from notifier.oncall.errors import Unknown
from notifier.runtime.status import release
from notifier.web.markdown import html_of
from notifier.web.views.manual import ManualView, manual_view
from notifier.web.visit import Picture, Shown, Visit


async def show_manual(visit: Visit) -> Shown:
    """The first page, or the results of the search for `q`."""
    query = visit.query.get("q").strip()[:QUERY_CHARS]
    if not query:
        return await _shown(visit, "")
    # Generated chapters take a second, once: in a thread, so that other requests do not wait.
    index = await asyncio.to_thread(_index)
    view = manual_view(path="", html=Markup(), query=query, hits=index.find(query), release=release())
    return Shown(template="manual", view=view)


async def show_chapter(visit: Visit) -> Shown | Picture:
    """A chapter, or a picture of one."""
    path = visit.path["path"]
    picture = picture_at(path)
    if picture is not None:
        return Picture(content=picture[0], media_type=picture[1])
    return await _shown(visit, path)


async def _shown(visit: Visit, path: str) -> Shown:
    if chapter_at(path) is None:
        raise Unknown("the manual has no such chapter: search it, or begin at its first page")
    view = await asyncio.to_thread(_view, path, visit.url("/manual"))
    return Shown(template="manual", view=view)


@cache
def _view(path: str, root: str) -> ManualView:
    chapter = chapter_at(path)
    assert chapter is not None
    return manual_view(
        path=path, html=html_of(chapter.with_generated(), root), query="", hits=(), release=release()
    )


@cache
def _index() -> ManualIndex:
    return ManualIndex(chapter.with_generated() for chapter in chapters() if chapter.path)
