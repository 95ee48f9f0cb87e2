"""`/manual`: the chapters, their links and anchors, and the search."""

from __future__ import annotations

import re

import pytest

from notifier.manual.chapters import Chapter, chapter_at, chapters
from notifier.runtime.status import release
from notifier.web.markdown import html_of
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


async def test_a_stranger_is_sent_to_sign_in(shop: Pages) -> None:
    page = await shop.new_browser().opens("/manual/guides/email")
    assert page.form("/sign-in") is not None
    assert "smtp" not in page.text


async def test_every_chapter_is_a_page_whose_links_lead_to_others(shop: Pages) -> None:
    """Every chapter is a page whose links lead to existing pages; generated parts are included."""
    browser = await shop.browser("reader")
    first = await browser.opens("/manual")
    assert f"Version {release()}" in first.text
    links = {href for href in first.hrefs() if href.startswith("/manual/")}
    assert links == {f"/manual/{chapter.path}" for chapter in chapters() if chapter.path}
    for path in ("guides/email", "explanation/timing", "reference/metrics", "guides/routing"):
        page = await browser.opens(f"/manual/{path}")
        assert (page.status, page.unclosed) == (200, []), path
        chapter = chapter_at(path)
        assert chapter is not None
        assert f">{chapter.title}</h1>" in page.answer.text
        for href in page.hrefs():
            if href.startswith("/manual/"):
                assert chapter_at(href.removeprefix("/manual/").partition("#")[0]) is not None, href
    assert "notifier_accounting_balanced" in (await browser.opens("/manual/reference/metrics")).text
    assert (await browser.opens("/manual/no-such-chapter")).status == 404
    assert (await browser.opens("/manual/..%2fREADME")).status == 404


async def test_the_search_finds_a_chapter_at_its_section(shop: Pages) -> None:
    """The query stays in the field, escaped; without results, the page suggests what to try."""
    browser = await shop.browser("reader")
    page = await browser.opens("/manual?q=rotate+a+key")
    assert "/manual/guides/keys#rotate-a-key" in page.hrefs()
    page = await browser.opens("/manual?q=%22%3E%3Cqqq%3Exyzzy")
    assert "No chapters answer" in page.text
    assert "<qqq>xyzzy" not in page.answer.text


async def test_each_page_leads_to_its_chapter(shop: Pages) -> None:
    browser = await shop.browser("reader")
    assert "/manual/guides/answering" in (await browser.opens("/incidents")).hrefs()
    assert "/manual/guides/maintenance" in (await browser.opens("/silences/new")).hrefs()


def test_html_in_a_chapter_is_text() -> None:
    """HTML in a chapter is escaped, and links start with the service's path."""
    text = (
        "# A b\n\n<script>x</script> [see](../guides/email.md#details) [out](https://example.com)\n\n## A b\n"
    )
    html = str(html_of(Chapter(path="explanation/x", part="", title="A b", text=text), "/n/manual"))
    assert "<script>" not in html
    assert 'href="/n/manual/guides/email#details"' in html
    assert re.findall(r'id="([^"]+)"', html) == ["a-b", "a-b-1"]
