"""Text of events stays text in every kind of message."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import Message as Parsed
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifier import wording
from notifier.channels import console, email, mime, webhook
from notifier.channels.base import Toolbox
from notifier.channels.http import GuardedClient
from notifier.channels.slack import blocks
from notifier.channels.slack.encoding import escaped
from notifier.domain.delivery import Outcome, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.telemetry.clock import SystemClock
from notifier.testing import SmtpServer, WebhookReceiver
from notifier.testing.messages import EVENT, incident, message, several
from tests.examples import examples

SENDER = email.parse_address("Notifier <notifier@example.com>")
HEAD = [
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "List-Id", "Importance",
    "X-Notifier-Reason", "X-Notifier-Project", "X-Notifier-Severity", "X-Notifier-Service", "X-Notifier-Environment",
    "X-Notifier-Incident", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
]  # fmt: skip
URL = "https://notifier.example.com"

# The first was once decoded to a mail of the sender's own, line breaks included.
ENCODED = (
    "=?utf-8?q?=0d=0aContent-Type:_text/html=0d=0a=0d=0a<a_href=3dhttps://evil.example>sign_in</a><!--?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ0KDQo8aDE+?= =?utf-8?q?=0aTo:_eve@example.com?=",
    "a =?iso-8859-1?Q?=0D=0ABcc:=20eve@example.com?= b",
    "=?utf-8?q?=00=e2=80=a8?=",
    "=?us-ascii*en?q?=0ABcc:_eve@example.com?=",
)
NASTY = (
    *ENCODED,
    "\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>{{7*7}}",
    "a\rBcc: eve@example.com\r\rb",
    "\n.\nQUIT\n",
    "--=_notifier--\r\n\r\n--=_notifier\r\nContent-Type: text/html\r\n\r\nx",
    "\u2028Bcc: e@f.g\u2029\x85Bcc: e@f.g\x0b\x0c\x1c",
    "\x00\ud800\udfff\u202e\u2066\u061c\ufeff",
    "\x1b[31m\x1b]0;title\x07\x9b2J\x9d8;;https://evil.example\x9c",
    "w" * 3_000,
    "ä" * 500 + "=?" + "😀" * 200,
    "<!channel> <!here> <@U123> <#C123> <https://evil.example|sign in> @channel",
    '"><img src=x onerror=alert(1)><a href="https://evil.example">sign in</a>',
    "eve@example.com, <eve@example.com>; x:;",
    "",
    "   ",
)
TEXTS = st.sampled_from(NASTY) | st.text() | st.builds("{}{}".format, st.text(), st.sampled_from(NASTY))

# Fields with values of ours, or of a closed set.
OURS = {
    "at",
    "group",
    "previous_thread_id",
    "reason",
    "state",
    "severity",
    "first_seen",
    "last_seen",
    "resolved_at",
    "url",
    "id",
    "number",
    "thread_id",
}


def poisoned(text: str, told: Message | None = None) -> Message:
    """A message with this text in every field, keys included, that an event or a person can set."""
    event = {
        **EVENT,
        "host": "h",
        "links": [{"title": "runbook", "url": URL}],
        "labels": {"region": "eu"},
        "task": {"id": "t", "name": "n", "attempt": 1, "max_attempts": 3},
        "fingerprint": ["{{ default }}", "eu"],
        "trace_id": "t",
        "exception": {**EVENT["exception"], "notes": ["n"], "cause": EVENT["exception"]},
    }
    shown = incident(latest_event=event, acknowledged_by="ann", varying=("pod",))
    whole = told or message(note="n", told=(_told_by(shown),), previous_thread_id="t-0")
    document = whole.as_json()
    return Message.from_json(_spread(document, text))


def _told_by(shown: Any) -> Any:
    return type(message().told[0])(incident=shown, reason=message().reason, actor="ann")


def _spread(value: Any, text: str, name: str = "") -> Any:
    if isinstance(value, dict):
        free = name in {"labels", "context"}
        kept = {key: inner if key in OURS else _spread(inner, text, key) for key, inner in value.items()}
        return {**kept, f"{text}": text} if free else kept
    if isinstance(value, list):
        return [_spread(inner, text, name) for inner in value]
    return text if isinstance(value, str) else value


@pytest.fixture(scope="module")
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def handed_in(server: SmtpServer, told: Message, thread: str = "t-1") -> bytes:
    """The bytes that a mail server received."""
    smtp = {"host": "127.0.0.1", "port": server.port}
    options = {"smtp": smtp, "from": "Notifier <notifier@example.com>", "to": "ann@example.com"}
    channel = email.EmailChannel(email.EmailSettings.model_validate(options))
    before = len(server.mails)
    asyncio.run(channel.send(told, target="ann@example.com", thread=Thread(id=thread)))
    (mail,) = server.mails[before:]
    assert (mail.sender, mail.recipients) == ("notifier@example.com", ("ann@example.com",))
    return mail.raw


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs).get("href")))


def tags(html: str) -> set[tuple[str, str | None]]:
    parser = _Tags()
    parser.feed(html)
    return set(parser.seen)


def decoded(part: Parsed) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def read(header: str, reader: Any) -> str:
    """The older parser returns a header as it is: folded and encoded."""
    if reader is not policy.compat32:
        return str(header)
    return str(make_header(decode_header(re.sub(r"\r?\n", "", header))))


def check_mail(raw: bytes, told: Message) -> None:
    """The headers, the recipient and the two parts that were meant, by each of the standard library's readers."""
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [line.partition(b":")[0].decode() for line in head if line[:1] != b" "] == HEAD
    assert all(len(line) < 500 and re.fullmatch(rb"[\x20-\x7e]*[\x21-\x7e]", line) for line in head)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", raw)
    story = wording.render(told)
    shown = told.told[0].incident
    for reader in (policy.default, policy.compat32, policy.SMTP):
        mail: Parsed = message_from_bytes(raw, policy=reader)
        assert mail.keys() == HEAD
        assert not mail.defects
        assert read(mail["Subject"], reader) == story.subject
        assert str(mail["To"]) == "ann@example.com"
        assert re.fullmatch(r"<[a-z0-9.-]+\.notifier\.example\.com>", str(mail["List-Id"]))
        for name, meant in (
            ("Project", told.project),
            ("Service", shown.labels.get("service") or shown.environment),
        ):
            assert read(mail[f"X-Notifier-{name}"], reader) == seen(meant)
        parts = mail.get_payload()
        assert isinstance(parts, list)
        assert [part.get_content_type() for part in mail.walk()] == [
            "multipart/alternative", "text/plain", "text/html",
        ]  # fmt: skip
        plain, html = (decoded(part) for part in mail.walk() if not part.is_multipart())
        assert plain == "\n".join(wording.lines(story)) + "\n"
        usual = message_from_bytes(email.payload(poisoned("x"), **WHERE), policy=reader)
        assert tags(html) <= tags(decoded(list(usual.walk())[2]))


def seen(text: str) -> str:
    """The text as a header shows it."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text[:400]).strip(" ") or "-"


WHERE: dict[str, Any] = {"sender": SENDER, "recipient": "ann@example.com", "thread": Thread(id="t-1")}


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_adds_to_a_mail(server: SmtpServer, text: str) -> None:
    """The mail has no additional header, recipient, part or tag, and the text is shown as written."""
    check_mail(handed_in(server, told := poisoned(text)), told)


@settings(max_examples=examples(30, 60), deadline=None)
@given(text=TEXTS, thread=st.text(min_size=1))
def test_no_text_whatsoever_adds_to_a_mail(server: SmtpServer, text: str, thread: str) -> None:
    """The same for any text and thread id."""
    check_mail(handed_in(server, told := poisoned(text), thread), told)


@pytest.mark.parametrize("text", ENCODED)
def test_what_looks_encoded_arrives_as_it_was_written(server: SmtpServer, text: str) -> None:
    """Text that looks like an encoded word is shown as written, because engineers may search for it."""
    mail = message_from_bytes(handed_in(server, message(labels={"service": text})), policy=policy.default)
    assert text[:60] in mail["Subject"]


@settings(max_examples=examples(60, 200), deadline=None)
@given(text=TEXTS)
def test_a_header_is_read_as_it_was_meant(text: str) -> None:
    """A header has short encoded lines, and decodes to the text without invisible characters."""
    value = mime.unstructured("Subject", text)
    lines = f"Subject: {value}".split("\r\n")
    assert all(line.isascii() and len(line) <= 76 for line in lines)
    meant = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text).strip(" ") or "-"
    for reader in (policy.default, policy.compat32):
        raw = f"Subject: {value}\r\n\r\n".encode()
        assert read(message_from_bytes(raw, policy=reader)["Subject"], reader) == meant


@pytest.mark.parametrize(
    "name",
    ["Notifier", "Alerts, Billing", "a: b; c", "Jürgen 😀", "=?utf-8?q?=0aBcc:_x@y.z?=", 'say "hi"', "a\\b", "",
     "n" * 300, "two  spaces", "word " * 40, "a\r\nBcc: x@y.z"],
)  # fmt: skip
def test_a_display_name_is_quoted_or_encoded(name: str) -> None:
    """A display name of any characters gives one mailbox."""
    value = mime.mailbox("From", Address("", "notifier", "example.com") if "\r" in name else _named(name))
    mail = message_from_bytes(f"From: {value}\r\n\r\n".encode(), policy=policy.default)
    (address,) = mail["From"].addresses
    assert address.addr_spec == "notifier@example.com"
    # Except spaces: this parser adds some between encoded words.
    assert address.display_name.replace(" ", "") == ("" if "\r" in name else name.replace(" ", ""))
    assert mail.keys() == ["From"]


def _named(name: str) -> Address:
    return Address(display_name=name, username="notifier", domain="example.com")


@pytest.mark.parametrize(
    "line",
    [("Subject", "a\r\nBcc: x@y.z"), ("Subject", "a\nb"), ("Subject", "a\rb"), ("Subject", "a\r\n\r\nb"),
     ("Subject", "a\r\n b\r\nX: c"),
     ("Subject", "ä\x00"), ("Sub ject", "a"), ("Subject", "a\r\n "), ("", "a"), ("Subject", "x" * 2_000)],
)  # fmt: skip
def test_a_head_with_a_line_that_is_not_ours_is_refused(line: tuple[str, str]) -> None:
    """A final check before sending refuses a header line that is not ours."""
    with pytest.raises(SendError) as caught:
        mime.compose([("From", "a@b.c"), line], text="", html="")
    assert caught.value.outcome is Outcome.BLOCKED
    assert "x@y.z" not in str(caught.value)


@pytest.mark.parametrize(
    "make", [blocks.payload, lambda told: blocks.root(told, blocks.BlockOptions(buttons=True)), blocks.reply]
)
@settings(max_examples=examples(30, 60), deadline=None)
@given(text=TEXTS)
def test_no_text_adds_a_mention_or_a_link_in_slack(make: Callable[[Message], Any], text: str) -> None:
    """Angle brackets contain only a date, the incident's link or an event's link."""
    for told in (poisoned(text), poisoned(text, several(3))):
        shown = "".join(_texts(make(told)))
        dates = r"<!date\^[0-9]{10}\^\{date_short_pretty\} \{time\}\|(2026-11-22 )?0[45]:00 UTC>"
        assert set(re.findall(r"<[^>]*>?", re.sub(dates, "", shown))) <= {
            f"<{URL}>",
            f"<{URL}/groups/g-1|Open the whole group>",
            *(f"<{URL}/incidents/142|Open incident {number}>" for number in (142, 1, 2)),
        }
        assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            assert value["verbatim"] is True
        for key, inner in value.items():
            if key not in {"url", "value"}:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


@settings(max_examples=40, deadline=None)
@given(text=TEXTS)
def test_no_text_adds_to_a_webhook(receiver: WebhookReceiver, text: str) -> None:
    """The request has no additional header, and its body is valid."""
    asyncio.run(_posted(receiver, message()))
    asyncio.run(_posted(receiver, poisoned(text)))
    usual, request = receiver.requests[-2:]
    assert [name for name, _ in request.headers.items()] == [name for name, _ in usual.headers.items()]
    jsonschema_rs.validator_for(webhook.schema()).validate(json.loads(request.body))


async def _posted(receiver: WebhookReceiver, told: Message) -> None:
    clock = SystemClock()
    http = GuardedClient(clock=clock, allow_private_addresses=True, deadline=2_000)
    options = webhook.WebhookSettings.model_validate({"url": receiver.url})
    channel = webhook.WebhookChannel(options, Toolbox(clock=clock, http=http))
    await channel.send(told, target="x", thread=Thread(id="t-1"))
    await http.aclose()


@settings(max_examples=examples(40, 100), deadline=None)
@given(text=TEXTS)
@example(text="\u05d0")
@example(text="\u2068\u05d0")
@example(text="\u05d0\u2069b")
def test_no_text_commands_a_terminal(text: str) -> None:
    """There is no escape sequence, control character or bidi override, and every line is behind the bar.

    The isolates around right-to-left text are notifier's own, and each ends in its line.
    """
    for told in (poisoned(text), poisoned(text, several(3))):
        printed = console.payload(told)
        assert all(line == "" or line.startswith("|") for line in printed.split("\n"))
        assert all(line.count("\u2068") == line.count("\u2069") for line in printed.split("\n"))
        assert not re.search(
            "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066\u2067\u206a-\u206f]",
            printed,
        )


MARKUP = (
    "__init__",
    "*args*",
    "`rm -rf`",
    ":fire:",
    "~gone~",
    "<!here>",
    "@here",
    "> quoted",
    "&amp;",
    "_a_ *b* `c`",
)


@pytest.mark.parametrize(
    "make", [blocks.payload, lambda told: blocks.root(told, blocks.BlockOptions(buttons=True)), blocks.reply]
)
@pytest.mark.parametrize("text", MARKUP)
def test_text_is_no_markup_in_slack(make: Callable[[Message], Any], text: str) -> None:
    """Text of events is plain text without emoji; only code is in a fence."""
    for told in (poisoned(text), poisoned(text, several(3))):
        body = make(told)
        marked = "".join(
            part["text"] for part in _parts(body["blocks"], "mrkdwn") if "```" not in part["text"]
        )
        assert escaped(text, 100) not in marked
        plain = [part for part in _parts(body["blocks"], "plain_text") if part["text"]]
        assert any(escaped(text, 100) in part["text"] for part in plain)
        assert all(part["emoji"] is False for part in plain)


def _parts(value: Any, kind: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == kind:
            yield value
        for inner in value.values():
            yield from _parts(inner, kind)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner, kind)
