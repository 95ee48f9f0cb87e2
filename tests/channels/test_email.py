"""Mail: what is handed in, how it reads, and what the server's answers mean."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from notifier.channels import email, http
from notifier.channels.smtp import DEADLINE, QUIT, Session, answered
from notifier.delivery import attempt
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Told
from notifier.domain.notification import Reason
from notifier.testing import SmtpServer, certificate
from tests.channels.examples import incident, message

pytestmark = pytest.mark.anyio

SENDER = email.parse_address("Notifier <notifier@example.com>")


def channel(server: SmtpServer) -> email.EmailChannel:
    options = {
        "smtp": {"host": "127.0.0.1", "port": server.port},
        "from": "Notifier <notifier@example.com>",
        "to": ["ann@example.com", "bob@example.com"],
    }
    return email.EmailChannel(email.EmailSettings.model_validate(options))


async def told(sender: email.EmailChannel, to: str = "ann@example.com") -> Receipt | SendError:
    try:
        return await sender.send(message(), target=to, thread=Thread(id="t-1"))
    except SendError as error:
        return error


async def failed(sender: email.EmailChannel) -> SendError:
    error = await told(sender)
    assert isinstance(error, SendError)
    return error


async def test_a_mail_arrives_with_what_a_person_needs() -> None:
    """Text and HTML both say what, where, since when, how often, why, and link; the headers make a thread."""
    with SmtpServer() as server:
        receipt = await told(channel(server))
    (mail,) = server.mails
    assert isinstance(receipt, Receipt)
    assert mail.recipients == ("ann@example.com",)
    assert mail.message["Message-ID"] == receipt.ref == "<0192f0d0aaaa@example.com>"
    assert mail.message["References"] == mail.message["In-Reply-To"] == "<thread-t-1@example.com>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Subject"] == "[billing/production] errors (shop)"
    assert mail.text.splitlines()[0] == "New: TimeoutError: upstream timed out after 30s"
    for fact in (
        "4,312 times",
        "2026-11-22 04:00 UTC",
        "billing/tasks.py:88 in charge",
        "incidents/142",
        "4,311",
    ):
        assert fact in mail.text
        assert fact in mail.html


def test_the_subject_stays_when_the_state_changes() -> None:
    """Mail clients thread by subject: opened and resolved share it."""
    mails = [
        email.payload(
            message(reason=reason, id=reason.value, told=(Told(incident=incident(count=n), reason=reason),)),
            sender=SENDER,
            recipient="ann@example.com",
            thread=Thread(id="t-1"),
        )
        for n, reason in enumerate((Reason.OPENED, Reason.RESOLVED, Reason.REPEATED))
    ]
    assert len({str(mail["Subject"]) for mail in mails}) == 1
    assert len({str(mail["Message-ID"]) for mail in mails}) == 3


async def test_one_refused_recipient_is_gone_and_the_other_is_told() -> None:
    """550 5.1.1 ends one target; the mail to the next one goes out."""
    with SmtpServer() as server:
        server.refuse["ann@example.com"] = "550 5.1.1 no such user ann"
        sender = channel(server)
        error, receipt = await failed(sender), await told(sender, "bob@example.com")
    assert error.outcome is Outcome.GONE
    assert "5.1.1" in error.detail
    assert "ann" not in error.detail
    assert isinstance(receipt, Receipt)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("421 4.3.2 closing", Outcome.THROTTLED),
        ("451 4.7.1 slow down", Outcome.THROTTLED),
        ("432 4.7.12 later", Outcome.TRANSIENT),
        ("550 5.7.1 spam", Outcome.PERMANENT),
        ("554 no", Outcome.PERMANENT),
    ],
)
async def test_refusals_follow_the_table(reply: str, outcome: Outcome) -> None:
    """The answer after the final dot decides; its words stay out of the error."""
    with SmtpServer() as server:
        server.after_data = reply
        error = await failed(channel(server))
    assert error.outcome is outcome
    assert reply[:3] in error.detail
    assert reply.rsplit(maxsplit=1)[-1] not in error.detail


async def test_silence_after_the_dot_is_ambiguous() -> None:
    """The mail was handed over whole: it may have been taken."""
    with SmtpServer() as server:
        server.hang = 1.0
        session = Session(host="127.0.0.1", port=server.port, security="none", tls=_trust(), deadline=300)
        with pytest.raises(SendError) as caught:
            await session.deliver(b"Subject: x\r\n\r\nx\r\n", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.AMBIGUOUS


async def test_a_server_that_is_down_is_transient() -> None:
    """Nothing listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        session = Session(host="127.0.0.1", port=free.getsockname()[1], security="none", tls=_trust())
        with pytest.raises(SendError) as caught:
            await session.deliver(b"x", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.TRANSIENT


async def test_silence_before_the_dot_is_transient() -> None:
    """A server that takes the connection and never greets: nothing was handed over, and the deadline holds."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        session = Session(host="127.0.0.1", port=port, security="none", tls=_trust(), deadline=200)
        with pytest.raises(SendError, match="did not answer in time") as caught:
            await session.deliver(b"x", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.TRANSIENT


async def test_a_server_that_never_says_goodbye_has_the_mail_all_the_same() -> None:
    """What fails after the 250 does not matter, and is not waited for long."""

    class Clinging(SmtpServer):
        async def handle_QUIT(self, *_: Any) -> str:
            await asyncio.sleep(1)
            return "221 at last"

    with Clinging() as server:
        session = Session(
            host="127.0.0.1", port=server.port, security="none", tls=_trust(), deadline=900, goodbye=50
        )
        async with asyncio.timeout(0.9):
            await session.deliver(b"Subject: x\r\n\r\nx\r\n", sender="a@b.c", recipient="d@e.f")
        assert len(server.mails) == 1


def test_a_session_ends_before_its_attempt_is_given_up() -> None:
    """Else the attempt's own deadline would decide, which knows less: what was not handed over is no repeat."""
    assert DEADLINE + QUIT < attempt.DEADLINE
    assert http.DEADLINE < attempt.DEADLINE


async def test_without_starttls_nothing_is_sent() -> None:
    """`tls: starttls` and a server that does not offer it: blocked, not sent in the clear."""
    with SmtpServer() as server:
        error = await failed(channel_starttls(server))
    assert error.outcome is Outcome.BLOCKED
    assert not server.mails


async def test_starttls_and_login(tmp_path: Path) -> None:
    """Over STARTTLS with the right password the mail is taken; a wrong one is the whole channel's problem."""
    serving, trusting = certificate(tmp_path)
    with SmtpServer(tls=serving, login=("notifier", "pa55word")) as server:
        good = await told(channel_starttls(server, trusting, username="notifier", password="pa55word"))
        bad = await failed(channel_starttls(server, trusting, username="notifier", password="wr0ng"))
        strange = await failed(channel_starttls(server, _trust(), username="notifier", password="pa55word"))
    assert isinstance(good, Receipt)
    assert (bad.outcome, bad.whole_channel) == (Outcome.PERMANENT, True)
    assert "wr0ng" not in str(bad)
    assert strange.outcome is Outcome.TRANSIENT
    assert len(server.mails) == 1


def test_a_refused_sender_is_the_whole_channels_problem() -> None:
    """MAIL FROM fails alike for every recipient."""
    error = answered("sender", 550, "5.7.1 not yours")
    assert (error.outcome, error.whole_channel) == (Outcome.PERMANENT, True)


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "@example.com", "ann@", "a@b.c, d@e.f", '"a@b.c, d@e.f"', "a@b.c\r\nBcc: d@e.f", "a@b.c\n",
        "a@b.c d@e.f",
        "a@b.c;d@e.f", "<a@b.c", "Ann <a@b.c> <d@e.f>", "Ann\x00 <a@b.c>", "a@b..c", ".a@b.c", "a@-b.c", "ä@b.c",
        "a@b.c>", '"x\r\nBcc: d@e.f" <a@b.c>', "a@" + "b" * 300, "Ann, Bob <a@b.c>", "undisclosed: a@b.c;",
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_address_is_refused(text: str) -> None:
    """No second recipient and no header comes in through an address."""
    with pytest.raises(ValueError, match="one address"):
        email.parse_address(text)


@pytest.mark.parametrize("host", ["smtp.example.com", "10.0.0.1", "127.0.0.1.example.com"])
def test_no_tls_is_for_loopback_only(host: str) -> None:
    """Anywhere else `tls: none` is a mistake in the settings, and the default is STARTTLS."""
    with pytest.raises(ValidationError, match="loopback"):
        email.SmtpSettings.model_validate({"host": host, "tls": "none"})
    assert email.SmtpSettings.model_validate({"host": host}).security == "starttls"
    assert email.SmtpSettings.model_validate({"host": "localhost"}).security == "none"


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), st.text(min_size=1))
def test_no_event_adds_a_header_a_recipient_or_a_tag(title: str, value: str, thread: str) -> None:
    """CR, LF, NUL, markup and surrogates stay text, and every mail can be put on the wire."""
    nasty = f"\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>{{{{7*7}}}}\x00\ud800{title}"
    changed = incident(title=nasty, labels={"service": nasty + value, "task": value}, url=None)
    mail = email.payload(
        message(
            told=(Told(incident=changed, reason=Reason.OPENED),),
            labels={"service": nasty, "x": value},
            note=value,
        ),
        sender=SENDER,
        recipient="ann@example.com",
        thread=Thread(id=thread),
    )
    raw = mail.as_bytes()
    head = raw.split(b"\r\n\r\n", 1)[0]
    assert b"\nBcc" not in head
    assert b"\x00" not in raw
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<script" not in html
    assert "{{7*7}}" in html
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def channel_starttls(server: SmtpServer, tls: Any = None, **smtp: Any) -> email.EmailChannel:
    options = {
        "smtp": {"host": "localhost", "port": server.port, "tls": "starttls", **smtp},
        "from": "notifier@example.com",
        "to": "ann@example.com",
    }
    return email.EmailChannel(email.EmailSettings.model_validate(options), tls=tls)


def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
