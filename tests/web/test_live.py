"""Event streams of open pages: who may connect, how many, and when they end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import pytest

from notifier.store import sessions
from notifier.web.assets import HTMX, assets
from notifier.web.live import MOST_PER_SESSION
from tests.browser import Browser
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


class Listener:
    """A client of a stream, at the ASGI interface."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.begun, self.left = asyncio.Event(), asyncio.Event()
        self._more = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self.begun.set()
        else:
            self.text += message["body"].decode()
        self._more.set()

    async def hears(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.text:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def listening(
    shop: Pages, browser: Browser, *, accept: str = "text/event-stream", key: str | None = None
) -> AsyncIterator[tuple[Listener, asyncio.Task[None]]]:
    listener = Listener()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    headers = [
        (b"accept", accept.encode()),
        (b"cookie", cookies.encode()),
        (b"host", b"notifier.example.com"),
    ]
    if key is not None:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live",
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 1),
        "server": ("notifier.example.com", 443),
        "scheme": "https",
        "http_version": "1.1",
    }
    task = asyncio.create_task(shop.site(scope, listener.receive, listener.send))
    async with asyncio.timeout(5):
        await listener.begun.wait()
    yield listener, task
    listener.left.set()
    async with asyncio.timeout(5):
        await task


async def test_a_stream_says_that_something_has_changed_and_nothing_else(shop: Pages) -> None:
    """A new incident, an act, or another event sends "changed", with headers against buffering."""
    browser = await shop.browser("reader")
    async with listening(shop, browser) as (listener, _):
        assert listener.headers["content-type"] == "text/event-stream"
        assert listener.headers["x-accel-buffering"] == "no"
        await listener.hears(": beat")
        assert "changed" not in listener.text
        await shop.world.post("secret words")
        await listener.hears("event: changed\ndata:\n\n")
        assert "secret" not in listener.text


async def test_a_session_that_is_over_ends_its_streams(shop: Pages) -> None:
    """A session that ends, also elsewhere, ends its streams; a stream does not extend the session."""
    browser, other = await shop.browser("reader"), await shop.browser("reader")
    async with listening(shop, browser) as (listener, task):
        page = await other.opens("/sessions")
        await other.sends(next(form for form in page.forms if form.action == "/sessions/end"))
        await listener.hears("event: over")
        async with asyncio.timeout(5):
            await task
    rows = await shop.world.database.read(lambda tx: sessions.listing(tx, owner="key-reader", most=9))
    assert len(rows) == 1


async def test_strangers_hear_nothing(shop: Pages) -> None:
    """Without a session the answer is 403; other requests, such as HEAD, are answered at once."""
    async with listening(shop, shop.new_browser()) as (listener, _):
        assert listener.status == 403
    async with listening(shop, await shop.browser(), accept="*/*") as (listener, _):
        assert listener.status == 406


async def test_a_key_that_may_read_listens(shop: Pages) -> None:
    """A key with `read` may connect, as `notifier doctor` does; another is refused."""
    stranger = shop.new_browser()
    async with listening(shop, stranger, key=shop.secrets["reader"]) as (listener, _):
        await listener.hears("retry: ")
    for key in (shop.secrets["sender"], "ntf_" + "x" * 40):
        async with listening(shop, stranger, key=key) as (listener, _):
            assert listener.status == 403


async def test_streams_of_a_session_are_limited_and_freed(shop: Pages) -> None:
    """A session has at most six streams, and closing one makes room at once."""
    browser = await shop.browser()
    opened = [listening(shop, browser) for _ in range(MOST_PER_SESSION)]
    for one in opened:
        assert (await one.__aenter__())[0].status == 200
    async with listening(shop, browser) as (listener, _):
        assert listener.status == 503
    async with listening(shop, await shop.browser()) as (listener, _):
        assert listener.status == 200
    await opened[0].__aexit__(None, None, None)
    async with listening(shop, browser) as (listener, _):
        assert listener.status == 200
    for one in opened[1:]:
        await one.__aexit__(None, None, None)


async def test_streams_end_when_the_service_stops(shop: Pages) -> None:
    """Stopping the service ends every stream, and no further one is opened."""
    async with listening(shop, await shop.browser()) as (_, task):
        shop.site._live.end()
        async with asyncio.timeout(1):
            await task
    async with listening(shop, await shop.browser()) as (listener, _):
        assert listener.status == 503


async def test_files_are_what_they_are_named(shop: Pages) -> None:
    """The vendored script equals its package's file, with its licence, and the first load is small."""
    htmx = assets()["htmx"]
    digest = hashlib.sha256(htmx.content).hexdigest()
    assert digest == "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
    assert f"htmx-4.0.1-{digest[:12]}.js" == HTMX
    assert "Zero-Clause BSD" in files("notifier.web").joinpath("static/htmx.LICENSE").read_text("utf-8")
    assert len(assets()["pages.css"].content) < 12 * 1024
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    loaded = [
        attributes.get("src") or attributes.get("href") or ""
        for tag, attributes in page.tags
        if tag in {"script", "link"} and not (attributes.get("href") or "").startswith("data:")
    ]
    assert len(loaded) == 4
    total = len(page.answer.content)
    for path in loaded:
        answer = await browser.http.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        total += len(answer.content)
    assert total < 100 * 1024
    assert (await browser.http.get(loaded[0].replace("-", "-x"))).status_code == 404
