"""Error pages: the reason, and a link to continue."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from notifier.web.forms import LARGEST
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


async def test_a_refused_form_leads_back_with_the_bar(shop: Pages) -> None:
    """The page of a refused form has the navigation and a link back."""
    await shop.world.post()
    browser = await shop.browser()
    form = (await browser.opens("/incidents/1")).form("/note")
    large = await browser.sends(form, text="x" * LARGEST)
    other = await browser.sends(form, text="x", form_token="of another")
    for page, status, said in ((large, 413, "write less"), (other, 403, "of another session")):
        assert (page.status, said in page.text) == (status, True)
        assert {"/deliveries", "/incidents/1"} <= set(page.hrefs())


async def test_an_address_that_makes_no_sense_says_so(shop: Pages) -> None:
    """The page for an invalid address does not claim that an act was not done."""
    browser = await shop.browser()
    for path in ("/deliveries?state=nonsense", "/incidents?cursor=nonsense"):
        page = await browser.opens(path)
        assert (page.status, "This cannot be shown" in page.text) == (422, True)
        assert "`" not in page.text


async def test_of_a_broken_database_the_same_page_is_asked_for_again(shop: Pages, sqlite_path: Path) -> None:
    """If the database fails, the button repeats the request with its query."""
    browser = await shop.browser()
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("ALTER TABLE sessions RENAME TO elsewhere")
    page = await browser.opens("/incidents?q=a%20b&sort=count")
    assert (page.status, page.answer.headers["retry-after"]) == (503, "2")
    assert page.hrefs()[-1] == "/incidents?q=a%20b&sort=count"


async def test_a_slash_at_the_end_leads_to_the_page(shop: Pages) -> None:
    """A trailing slash redirects to the page with its query, on this host; a POST is not redirected."""
    http = (await shop.browser()).http
    for asked, leads in (
        ("/incidents/?q=a%20b&sort=count", "/incidents?q=a+b&sort=count"),
        ("/deliveries//", "/deliveries"),
        ("//other.example/", "/other.example"),
        ("/%5Cother.example/", "/%5Cother.example"),
    ):
        answer = await http.get(f"https://notifier.example.com{asked}", headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers.get("location"), asked) == (303, leads, asked)
    assert (await http.post("/incidents/")).status_code != 303


async def test_a_method_that_no_page_knows_is_answered_as_others_are(shop: Pages) -> None:
    """An unknown method, such as `TRACE`, gets a page with the allowed methods and without the input."""
    browser = await shop.browser()
    for method in ("PUT", "TRACE"):
        answer = await browser.http.request(method, "/incidents", headers={"x-said": "hunter2"})
        assert (answer.status_code, "does not know that method" in answer.text) == (405, True)
        assert "GET" in answer.headers["allow"]
        assert "hunter2" not in answer.text
