"""The demo's inbox: what arrives over real sockets, and how it is drawn in the terminal and on the page."""

from __future__ import annotations

import asyncio
import io
import json
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from notifier.channels import email, webhook
from notifier.channels.slack import blocks
from notifier.demo.inbox import markup
from notifier.demo.inbox.messages import (
    InboxEntry,
    ReceivedMail,
    ReceivedMessage,
    SlackPost,
    read_mail,
    read_slack,
    read_webhook,
)
from notifier.demo.inbox.received import ReceivedMessages
from notifier.demo.inbox.server import serve
from notifier.demo.inbox.terminal import Terminal, TerminalStyle, frame, style_of, visible
from notifier.domain.delivery import Thread
from notifier.testing.messages import message
from tests.sockets import free_port

pytestmark = pytest.mark.anyio

TOKEN = "xoxb-demo"
HOSTILE = "\x1b[31mred \x07\u202egnp.exe <script>alert(1)</script> <!channel>"


def mail() -> bytes:
    sender = email.parse_address("Notifier <notifier@example.com>")
    return email.payload(message(), sender=sender, recipient="ann@example.com", thread=Thread(id="t-1"))


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.sendmail("n@example.com", ["ann@example.com"], mail())


def post(**changes: Any) -> dict[str, Any]:
    return {**blocks.payload(message(**changes)), "channel": "#oncall"}


def arrived(told: ReceivedMessage) -> InboxEntry:
    return InboxEntry(number=1, revision=1, at=datetime(2026, 11, 22, 5, tzinfo=UTC), message=told)


def drawn(told: ReceivedMessage, **look: Any) -> str:
    return frame(arrived(told), TerminalStyle(**look))


@dataclass(frozen=True, kw_only=True)
class Open:
    """An inbox on its sockets."""

    box: ReceivedMessages
    http: httpx.AsyncClient
    smtp_port: int

    async def call(self, method: str, document: object, token: str = TOKEN) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.http.post(f"/slack/api/{method}", json=document, headers=headers)
        assert answer.status_code == 200
        return dict(answer.json())

    async def items(self) -> list[dict[str, Any]]:
        return list((await self.http.get("/messages")).json()["items"])


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Open]:
    box, port = ReceivedMessages(**options), free_port()
    async with (
        serve(box, port=port, token=TOKEN) as smtp_port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        yield Open(box=box, http=http, smtp_port=smtp_port)


async def test_a_mail_is_drawn_with_its_head_and_its_text() -> None:
    """From, To and Subject, then the text, in a frame of ASCII where that is no terminal."""
    text = drawn(read_mail(mail()))
    assert text.startswith("+- email ")
    assert "| Subject: [billing/production]" in text
    assert "| From: Notifier <notifier@example.com>\n| To: ann@example.com\n|\n" in text
    assert "New: TimeoutError: upstream timed out after 30s" in text
    assert {line[0] for line in text.splitlines()} == {"+", "|"}
    assert all(len(line) <= 80 for line in text.splitlines())


async def test_a_slack_message_is_drawn_as_its_text() -> None:
    """The header stands out, fields share a line, and neither marks nor entities are left."""
    text = drawn(read_slack(post(told=message().told), ts="1.0"))
    assert "New: TimeoutError: upstream timed out after 30s" in text
    assert "release 1.4.2" in text
    assert "*" not in text
    escaped = read_slack({"text": "a &lt;b&gt; &amp; *c* `d` <https://e.example|f>"}, ts="1.0")
    assert "a <b> & c d f (https://e.example)" in drawn(escaped)


async def test_a_reply_says_whose_thread_it_is_in() -> None:
    told = read_slack({**post(), "thread_ts": "1.0"}, ts="2.0", thread="New: it broke")
    assert "\u21b3 in the thread of: New: it broke" in drawn(told)


async def test_a_webhook_is_drawn_with_its_type_and_the_head_of_its_json() -> None:
    """Indented, cut after a dozen lines, and its incidents' titles above."""
    told = read_webhook({"webhook-id": "d-1", "webhook-signature": "v1,x"}, webhook.payload(message()))
    text = drawn(told)
    assert text.startswith("+- webhook, signed ")
    assert "| incident.opened - TimeoutError: upstream timed out after 30s\n" in text
    assert '|   "type": "incident.opened",\n' in text
    assert "more lines" in text
    assert "no json" in drawn(read_webhook({}, b"no json"))
    assert "not signed" in drawn(read_webhook({}, b"[1]"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2J", "\u241b[2J"), ("\x07\x7f", "\u2407\u2421"), ("\x9b", "\\u009b"), ("\u202ea", "\\u202ea"), ("é", "é")],
)  # fmt: skip
async def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    """A message never steers the terminal, and one sees that it would have."""
    assert visible(text) == shown


async def test_what_arrives_never_steers_the_terminal() -> None:
    """In whatever part of whatever kind of message it stands."""
    sent = EmailMessage()
    sent["Subject"], sent["From"], sent["To"] = "it broke", "a@example.com", "b@example.com"
    sent.set_content(HOSTILE)
    kinds: list[ReceivedMessage] = [
        read_mail(sent.as_bytes()),
        ReceivedMail(sender=HOSTILE, to=HOSTILE, subject=HOSTILE, text=HOSTILE, html=""),
        read_slack({"text": HOSTILE, "channel": HOSTILE}, ts="1", thread=HOSTILE),
        read_webhook({"webhook-id": HOSTILE}, json.dumps({"type": HOSTILE}).encode()),
        read_webhook({}, HOSTILE.encode()),
    ]
    for told in kinds:
        assert all(letter.isprintable() for letter in drawn(told).replace("\n", ""))


async def test_colour_is_for_terminals_that_want_it() -> None:
    """Plain where the stream is none, or NO_COLOR is set."""

    class Tty(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    told = read_mail(mail())
    assert style_of(io.StringIO(), {}) == TerminalStyle()
    assert style_of(Tty(), {}).colour
    assert not style_of(Tty(), {"NO_COLOR": "1"}).colour
    assert not style_of(Tty(), {"TERM": "dumb"}).colour
    out = Tty()
    Terminal(out, {}).show(arrived(told))
    assert "\x1b[1m" in out.getvalue()
    assert "\u250c\u2500 " in out.getvalue()
    plain = Tty()
    Terminal(plain, {"NO_COLOR": "1"}).show(arrived(told))
    assert "\x1b" not in plain.getvalue()


async def test_markup_becomes_tags_and_nothing_else_does() -> None:
    """What is in a message is escaped before a mark becomes a tag."""
    assert markup.page("*a* `b` ```c```") == "<b>a</b> <code>b</code> <pre>c</pre>"
    assert markup.page("*<script>* &lt;b&gt; <!channel>") == (
        "<b>&lt;script&gt;</b> &lt;b&gt; &lt;!channel&gt;"
    )
    assert markup.page('<https://e.example/"onclick=|label>') == "label"
    assert markup.page("<javascript:alert(1)|label>") == "label"
    assert markup.page("<https://e.example/?a=1&amp;b=2|*label*>") == (
        '<a href="https://e.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">*label*</a>'
    )
    assert markup.page("\ue0000\ue001 <https://e.example>").startswith("0 <a ")
    assert markup.linked('see https://e.example/a?b=1. <b> "https://e.example"').count("<a ") == 2
    assert "&lt;b&gt;" in markup.linked("<b>")


async def test_a_date_is_shown_as_its_reader_would_see_it() -> None:
    """In the form that Slack knows, and by its fallback where it does not."""
    local = datetime.fromtimestamp(1_763_787_600, UTC).astimezone()
    token = "<!date^1763787600^{date_short} at {time}|fallback>"
    assert markup.plain(token) == f"{local:%b} {local.day}, {local.year} at {local:%H:%M}"
    assert markup.page(token).startswith("<time>")
    assert markup.plain("<!date^1763787600^{unheard_of}|the fallback>") == "the fallback"


async def test_all_three_arrive_over_their_sockets() -> None:
    """A mail over SMTP, a Slack call and a webhook, newest first as JSON."""
    async with opened() as inbox:
        await asyncio.to_thread(send, inbox.smtp_port)
        answer = await inbox.call("chat.postMessage", post())
        assert answer["ok"]
        assert answer["ts"]
        hook = await inbox.http.post(
            "/webhook", content=webhook.payload(message()), headers={"webhook-id": "d"}
        )
        assert hook.status_code == 204
        items = await inbox.items()
    assert [one["kind"] for one in items] == ["webhook", "slack", "email"]
    assert items[0]["type"] == "incident.opened"
    assert items[1]["channel"] == "#oncall"
    assert items[1]["ts"] == answer["ts"]
    assert items[2]["from"] == "Notifier <notifier@example.com>"
    assert items[2]["to"] == "ann@example.com"
    assert "upstream timed out" in items[2]["text"]
    assert "<html" in items[2]["html"]


async def test_slack_has_threads_edits_and_refusals() -> None:
    """A reply knows what it replies to, an edit takes the place of what it edits, and Slack's own errors come back."""
    async with opened() as inbox:
        root = await inbox.call("chat.postMessage", post())
        await inbox.call("chat.postMessage", {**post(), "thread_ts": root["ts"]})
        edited = await inbox.call("chat.update", {"ts": root["ts"], "channel": "C0", "text": "it is over"})
        assert edited["ok"]
        reply, first = await inbox.items()
        assert "TimeoutError" in reply["thread"]
        assert reply["thread_ts"] == root["ts"] == first["ts"]
        assert (first["text"], first["edited"], first["channel"]) == ("it is over", True, "#oncall")
        assert (await inbox.call("chat.update", {"ts": "9", "text": "x"}))["error"] == "message_not_found"
        assert (await inbox.call("chat.postMessage", post(), token="x"))["error"] == "invalid_auth"
        assert (await inbox.call("chat.postMessage", {"channel": "#oncall"}))["error"] == "invalid_blocks"
        assert (await inbox.call("chat.postMessage", [1]))["error"] == "invalid_blocks"
        assert (await inbox.call("files.upload", post()))["error"] == "unknown_method"
        assert len(await inbox.items()) == 2


async def test_the_page_shows_each_kind_and_trusts_none() -> None:
    """Everything is escaped; a mail's HTML is in a frame without rights; the page loads nothing from elsewhere."""
    async with opened() as inbox:
        empty = await inbox.http.get("/")
        assert "Nothing has arrived yet" in empty.text
        inbox.box.put(
            ReceivedMail(
                sender=HOSTILE, to=HOSTILE, subject=HOSTILE, text=HOSTILE, html=f'"><b>{HOSTILE}</b>'
            )
        )
        inbox.box.put(read_slack({"text": HOSTILE, "blocks": post()["blocks"]}, ts="1"))
        inbox.box.put(read_webhook({}, json.dumps({"type": HOSTILE}).encode()))
        inbox.box.put(read_slack({"text": HOSTILE}, ts="2", thread=HOSTILE))
        page = await inbox.http.get("/")
    assert "<script>" not in page.text
    assert page.text.count("<script") == 1
    assert "<!channel>" not in page.text
    # It may open its links in tabs of their own, and nothing else.
    sandbox = 'sandbox="allow-popups allow-popups-to-escape-sandbox"'
    assert f'<iframe {sandbox} srcdoc="&lt;base target=&#34;_blank&#34;&gt;&#34;&gt;&lt;b&gt;' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "https://" not in page.text.replace("https://notifier.example.com", "")
    assert page.text.index("&lt;!channel&gt;") < page.text.index("TimeoutError") < page.text.index("<iframe")


async def test_the_page_is_told_of_what_is_new() -> None:
    """By an event of the server's, at once where it was drawn before the last message."""
    async with opened() as inbox:
        async with inbox.http.stream("GET", "/changes", params={"since": 0}) as events:
            inbox.box.put(read_mail(mail()))
            assert await first_event(events) == "data: 1"
        async with inbox.http.stream("GET", "/changes", params={"since": 0}) as events:
            assert await first_event(events) == "data: 1"


async def first_event(events: httpx.Response) -> str:
    return await anext(line async for line in events.aiter_lines() if line.startswith("data"))


async def test_only_the_last_are_kept() -> None:
    """Beyond its bound the oldest go, and a body over a megabyte is refused."""
    async with opened(kept=3) as inbox:
        for number in range(5):
            inbox.box.put(read_slack({"text": str(number)}, ts=str(number)))
        assert [one["text"] for one in await inbox.items()] == ["4", "3", "2"]
        assert (await inbox.http.post("/webhook", content=b"x" * 1_000_001)).status_code == 413
        assert len(await inbox.items()) == 3


async def test_who_follows_sees_arrivals_and_edits_in_order() -> None:
    """Until the box is closed."""
    box = ReceivedMessages()
    box.put(read_slack({"text": "before"}, ts="0"))
    seen: list[str] = []

    async def follow() -> None:
        async for one in box.follow():
            assert isinstance(one.message, SlackPost)
            seen.append(one.message.text)

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    box.put(read_slack({"text": "first"}, ts="1"))
    box.put(read_slack({"text": "second"}, ts="2"))
    box.edit("1", read_slack({"text": "first, edited"}, ts="1"))
    async with asyncio.timeout(60):
        while len(seen) < 2:  # noqa: ASYNC110 - it follows without an event of its own
            await asyncio.sleep(0)
        box.put(read_slack({"text": "third"}, ts="3"))
        while len(seen) < 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    box.close()
    await asyncio.wait_for(following, 60)
    assert seen == ["second", "first, edited", "third"]
