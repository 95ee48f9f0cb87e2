"""The SMTP session: greeting, TLS, and errors in words."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notifier.channels import ehlo, email, smtp_replies
from notifier.channels.smtp import SmtpSession, connection_error, refusal
from notifier.channels.smtp_settings import SmtpSettings, warnings
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.testing import SmtpServer
from notifier.testing.messages import message
from tests.authority import EXPIRED, NOT_YET, Authority
from tests.sockets import answering

pytestmark = pytest.mark.anyio

IMPLICIT = "Does it want implicit TLS (`tls: implicit`, usually on port 465)?"
STARTTLS = "Does it want STARTTLS (`tls: starttls`, usually on port 587)?"


def channel(server: SmtpServer, *, url: str | None = None, **smtp: Any) -> email.EmailChannel:
    options = {
        "smtp": {"host": "127.0.0.1", "port": server.port, **smtp},
        "from": "notifier@example.com",
        "to": "ann@example.com",
    }
    return email.EmailChannel(email.EmailSettings.model_validate(options), url=url)


async def told(sender: email.EmailChannel) -> Receipt | SendError:
    try:
        return await sender.send(message(), target="ann@example.com", thread=Thread(id="t-1"))
    except SendError as error:
        return error


async def failed(sender: email.EmailChannel) -> SendError:
    error = await told(sender)
    assert isinstance(error, SendError), error
    return error


@pytest.mark.parametrize(
    ("smtp", "url", "name"),
    [
        ({}, "https://alerts.example.com/x", "alerts.example.com"),
        ({}, "http://bücher.example:8000", "xn--bcher-kva.example"),
        ({"hello": "mail.example.org"}, "https://alerts.example.com", "mail.example.org"),
        ({"hello": "[192.0.2.1]"}, None, "[192.0.2.1]"),
        ({"hello": "[IPv6:2001:db8::1]"}, None, "[IPv6:2001:db8::1]"),
    ],
)
async def test_the_server_is_greeted_with_a_name(smtp: dict[str, str], url: str | None, name: str) -> None:
    """The name is `smtp.hello`, else the host of `server.url`, and a strict server accepts it."""
    with SmtpServer(strict_hello=True) as server:
        assert isinstance(await told(channel(server, url=url, **smtp)), Receipt)
    assert server.hellos == [name]


@pytest.mark.parametrize("url", [None, "http://localhost:8000", "http://127.0.0.1:8000", "http://notifier"])
async def test_without_a_name_this_machine_s_own_is_used(url: str | None) -> None:
    """Otherwise it is this machine's full name, or the address of this end, but never `localhost` or a bare name."""
    with SmtpServer(strict_hello=True) as server:
        assert isinstance(await told(channel(server, url=url)), Receipt)
    assert server.hellos == [await ehlo.own_name() or "[127.0.0.1]"]


async def test_the_name_is_the_same_once_the_connection_is_secure(tmp_path: Path) -> None:
    """The greeting is repeated after STARTTLS, before the login."""
    authority = Authority(tmp_path)
    with SmtpServer(tls=authority.serving(), login=("n", "pa55word"), strict_hello=True) as server:
        smtp = {"tls": "starttls", "username": "n", "password": "pa55word", "hello": "a.example.com"}
        assert isinstance(await told(channel(server, ca_file=str(authority.file), **smtp)), Receipt)
    assert server.hellos == ["a.example.com"] * 2


async def test_over_ipv6_the_address_is_written_as_one() -> None:
    """An IPv6 address is written as RFC 5321, 4.1.3 requires."""
    assert ehlo.address_literal("::1") == "[IPv6:::1]"
    assert ehlo.address_literal("fe80::1%eth0") == "[IPv6:fe80::1]"
    assert ehlo.address_literal("::ffff:192.0.2.1") == "[192.0.2.1]"
    assert ehlo.address_literal("192.0.2.1") == "[192.0.2.1]"


@given(st.text())
def test_any_text_is_a_name_to_greet_with_or_refused(text: str) -> None:
    """Text that could end a command is refused."""
    with contextlib.suppress(ValueError):
        name = ehlo.validated(text)
        assert name.isascii()
        assert name.isprintable()
        assert " " not in name


@pytest.mark.parametrize(
    "name", ["", "a b", "a\r\nMAIL", "-a.example", "[1.2.3]", "[2001:db8::1]", "[IPv6:192.0.2.1]", "192.0.2.1",
             "under_score.example", "a..b", "x" * 64 + ".example", "a." * 126 + "bc"],
)  # fmt: skip
def test_what_is_no_name_is_refused(name: str) -> None:
    """An address must be in brackets, and a name a valid host name."""
    with pytest.raises(ValidationError, match="full name"):
        SmtpSettings.model_validate({"host": "mx.example.com", "hello": name})


async def test_a_refused_name_is_said_to_be_that() -> None:
    """Postfix refuses the greeting at the recipient, which is not blamed."""
    with SmtpServer(strict_hello=True) as server:
        error = await failed(channel(server, hello="localhost"))
    assert error.outcome is Outcome.PERMANENT
    assert error.whole_channel
    assert "EHLO" in error.detail
    assert "504 5.5.2" in error.detail
    assert "`smtp.hello`" in error.detail
    assert "recipient" not in error.detail


@pytest.mark.parametrize(
    ("at", "code", "text", "about", "whole"),
    [
        ("recipient", 504, "5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", "EHLO", True),
        ("recipient", 550, "Access denied - Invalid HELO name (See RFC2821 4.1.1.1)", "EHLO", True),
        ("sender", 501, "5.5.4 HELO requires a domain address", "EHLO", True),
        ("hello", 501, "5.5.4 Invalid domain name", "EHLO", True),
        ("hello", 504, "", "EHLO", True),
        ("recipient", 550, "5.1.1 <helo@example.com>: User unknown in local table", "no such mailbox", False),
        ("recipient", 550, "5.1.1 helo@ehlo.example.com no such user", "no such mailbox", False),
        ("recipient", 550, "5.2.1 mailbox of helo.example.com disabled", "the recipient", False),
        ("recipient", 554, "5.7.1 <ann@example.net>: Relay access denied", "relaying", False),
        ("recipient", 550, "5.7.1 Unable to relay", "relaying", False),
        ("recipient", 554, "5.7.1 Client host [192.0.2.7] blocked using zen.example", "block list", False),
        ("recipient", 550, "5.7.1 Client host rejected: cannot find your hostname", "this machine", False),
        ("recipient", 553, "5.7.1 <n@example.com>: Sender address rejected: not owned by user n", "`from`", False),
        ("sender", 530, "5.7.0 Must issue a STARTTLS command first", "`tls: starttls`", True),
        ("sender", 530, "5.7.0 Authentication required", "`smtp.username`", True),
        ("recipient", 530, "5.7.57 Client not authenticated to send mail", "`smtp.username`", True),
        ("login", 535, "5.7.8 Error: authentication failed", "check `smtp.username`", True),
        ("greeting", 554, "5.7.1 no", "the connection", True),
        ("greeting", 554, "5.7.1 Client host [192.0.2.7] blocked using zen.example", "block list", True),
        ("data", 550, "5.7.1 Bad HELO: localhost", "EHLO", True),
        ("data", 550, "5.7.1 rule HELO_MISC_IP", "the data", False),
        ("data", 550, "5.7.26 unauthenticated mail", "SPF", False),
        ("data", 552, "5.3.4 too big", "size", False),
        ("data", 552, "message size exceeds fixed limit", "size", False),
        ("sender", 552, "5.3.4 Message size exceeds fixed maximum message size", "size", False),
        ("sender", 552, "", "size", False),
        ("sender", 550, "5.4.5 Daily user sending quota exceeded", "`from`", True),
        ("recipient", 552, "5.2.2 over quota", "mailbox is full", False),
        ("recipient", 452, "4.2.2 The email account that you tried to reach is over quota", "full", False),
        ("data", 552, "Mailbox full", "mailbox is full", False),
        ("recipient", 450, "4.2.0 <ann@example.com>: Greylisted for 300 seconds", "greylisting", False),
        ("data", 451, "4.7.1 Greylisting in action, please come back later", "greylisting", False),
        ("recipient", 550, "5.4.1 Recipient address rejected: Access denied", "no such mailbox", False),
        ("recipient", 501, "5.1.3 Bad recipient address syntax", "no such mailbox", False),
        ("recipient", 551, "User not local; please try <bo@example.com>", "no such mailbox", False),
        ("login", 454, "4.7.0 Temporary authentication failure", "tried again", False),
        ("login", 421, "4.7.0 Too many login attempts", "tried again", False),
    ],
)  # fmt: skip
def test_a_refusal_is_about_what_its_words_say(
    at: Any, code: int, text: str, about: str, whole: bool
) -> None:
    """The reply's text decides what a refusal is about, and is not repeated."""
    error = refusal(at, code, text)
    assert about in error.detail
    assert error.whole_channel is whole
    assert str(code) in error.detail
    for word in ("example", "192.0.2.7", "zen", "owned"):
        assert word not in error.detail


async def test_a_server_that_knows_no_ehlo_is_greeted_as_of_old() -> None:
    """HELO, as a small relay or a firewall in between wants it (RFC 5321, 3.2)."""
    heard: list[str] = []
    replies = {"EHLO": "502 not implemented", "DATA": "354 go on", ".": "250 taken", "QUIT": "221 bye"}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example.com\r\n")
        in_data = False
        while line := (await reader.readline()).decode():
            word = line.split()[0] if line.strip() else ""
            if in_data and word != ".":
                continue
            heard.append(word)
            in_data = word == "DATA"
            writer.write(f"{replies.get(word, '250 fine')}\r\n".encode())
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        smtp = {"host": "127.0.0.1", "port": port, "hello": "n.example.com"}
        options = {"smtp": smtp, "from": "notifier@example.com", "to": "ann@example.com"}
        receipt = await told(email.EmailChannel(email.EmailSettings.model_validate(options)))
        await ended.wait()
    assert not isinstance(receipt, SendError), receipt
    assert heard[:4] == ["EHLO", "HELO", "MAIL", "RCPT"]


@given(st.sampled_from(["greeting", "hello", "sender", "recipient", "data"]), st.integers(-1, 999), st.text())
def test_no_word_of_a_server_is_repeated(at: Any, code: int, text: str) -> None:
    """Errors contain only our own sentences, and at most the code and the enhanced code of the server."""
    shown = refusal(at, code, text).detail
    ours = {f"the mail server refused {what}; {to_do}" for what, to_do in smtp_replies.REFUSED.values()}
    assert re.sub(r": [0-9]{3}( [45][0-9.]{0,5})?;", ";", shown) in ours | {smtp_replies.not_smtp(at).detail}


@pytest.mark.parametrize(
    ("smtp", "security", "port"),
    [
        ({"port": 465}, "implicit", 465),
        ({"port": 587}, "starttls", 587),
        ({"port": 25}, "starttls", 25),
        ({"port": 2525}, "starttls", 2525),
        ({"port": 465, "tls": "starttls"}, "starttls", 465),
        ({"tls": "implicit"}, "implicit", 465),
        ({"host": "localhost", "port": 465}, "implicit", 465),
        ({"host": "localhost", "port": 587}, "none", 587),
        ({}, "starttls", 587),
    ],
)
def test_a_port_says_how_it_is_secured(smtp: dict[str, Any], security: str, port: int) -> None:
    """Port 465 means implicit TLS, unless `tls` is set."""
    settings = SmtpSettings.model_validate({"host": "mx.example.com", **smtp})
    assert (settings.security, settings.dialled_port) == (security, port)


@pytest.mark.parametrize(
    ("smtp", "words"),
    [
        ({"port": 465, "tls": "starttls"}, "port 465 wants `tls: implicit`"),
        ({"port": 587, "tls": "implicit"}, "port 587 wants `tls: starttls`"),
        ({"port": 2525, "tls": "implicit"}, None),
        ({"port": 465}, None),
    ],
)
def test_a_port_and_a_way_that_do_not_go_together_are_warned_of(
    smtp: dict[str, Any], words: str | None
) -> None:
    """An unusual combination of port and TLS is a warning."""
    said = " ".join(warnings(SmtpSettings.model_validate({"host": "mx.example.com", **smtp})))
    assert (words or "") in said
    assert bool(said) is (words is not None)


@pytest.mark.parametrize("host", ["mx.example.com:587", "192.0.2.1:25", "2001:db8::1:x"])
def test_a_port_is_no_part_of_a_host(host: str) -> None:
    """A port in the host is refused; an IPv6 address is not mistaken for one."""
    with pytest.raises(ValidationError, match=r"its port goes into `smtp.port`"):
        SmtpSettings.model_validate({"host": host})
    assert SmtpSettings.model_validate({"host": "2001:db8::1"}).security == "starttls"
    assert SmtpSettings.model_validate({"host": "::1"}).security == "none"


async def broken_off(port: int, **options: Any) -> SendError:
    values = {"security": "starttls", "deadline": 300, "tls": ssl.create_default_context(), **options}
    session = SmtpSession(host="127.0.0.1", port=port, **values)
    with pytest.raises(SendError) as caught:
        await session.deliver(b"Subject: x\r\n\r\nx\r\n", sender="a@b.c", recipient="d@e.f")
    await asyncio.sleep(0.01)  # the event loop closes the connection, which the server waits for
    return caught.value


def wait(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (wait, "did not answer in time (at: greeting)"),
        (lambda _: None, "closed the connection (at: greeting)"),
        (lambda to: to.sendall(b"\x15\x03\x03\x00\x02\x02\x46"), "closed the connection (at: greeting)"),
        (lambda to: to.sendall(b"\x15\x03\x03\n\x02\x02\x46\n"), "something that is not SMTP"),
        (lambda to: to.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "something that is not SMTP"),
    ],
)
async def test_a_server_that_does_not_greet_is_asked_about(
    serve: Callable[[socket.socket], None], words: str
) -> None:
    """Silence, a closed connection, a TLS alert or another protocol is reported with a hint at implicit TLS."""
    with answering(serve) as port:
        error = await broken_off(port, deadline=300 if serve is wait else 20_000)
    assert words in error.detail
    assert error.detail.endswith(IMPLICIT)
    assert error.outcome is Outcome.TRANSIENT


async def test_a_real_server_of_implicit_tls_is_asked_about(tmp_path: Path) -> None:
    """A server with implicit TLS waits silently, which is reported with the hint."""
    with SmtpServer(tls=Authority(tmp_path).serving(), implicit=True) as server:
        for security in ("starttls", "none"):
            error = await broken_off(server.port, security=security)
            assert error.detail.endswith(IMPLICIT)


async def test_a_server_without_implicit_tls_is_asked_about(tmp_path: Path) -> None:
    """A server without implicit TLS is reported with the opposite hint."""
    trusting = Authority(tmp_path).trusting
    with SmtpServer() as server:
        error = await broken_off(server.port, security="implicit", tls=trusting, deadline=20_000)
    assert "does not speak TLS" in error.detail
    assert error.detail.endswith(STARTTLS)
    for serve in (wait, lambda _: None):
        with answering(serve) as port:
            error = await broken_off(port, security="implicit", tls=trusting)
        assert error.detail.endswith(STARTTLS), error.detail
        assert error.outcome is Outcome.TRANSIENT


async def test_port_465_is_dialled_with_implicit_tls(tmp_path: Path) -> None:
    """Port 465 uses implicit TLS, and `ca_file` is trusted."""
    authority = Authority(tmp_path)
    with SmtpServer(tls=authority.serving(), implicit=True, login=("n", "pa55word")) as server:
        smtp = {"tls": "implicit", "username": "n", "password": "pa55word"}
        assert isinstance(await told(channel(server, ca_file=str(authority.file), **smtp)), Receipt)
        assert len(server.mails) == 1


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        ((), EXPIRED, "has expired: it has to be renewed there"),
        ((), NOT_YET, "is not valid yet: are the clocks right"),
        (("mx.example.com",), (-1, 1), "is for another name than 127.0.0.1"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_said(
    tmp_path: Path, implicit: bool, names: tuple[str, ...], days: tuple[int, int], words: str
) -> None:
    """An expired, future or mismatched certificate is named, and nothing is sent."""
    authority = Authority(tmp_path)
    with SmtpServer(tls=authority.serving(*names, days=days), implicit=implicit) as server:
        tls = "implicit" if implicit else "starttls"
        error = await failed(channel(server, tls=tls, ca_file=str(authority.file)))
    assert words in error.detail
    assert error.outcome is Outcome.TRANSIENT
    assert not server.mails


async def test_the_server_s_own_certificate_may_be_named(tmp_path: Path) -> None:
    """A server's own certificate in `ca_file` is trusted, and no other of its authority's."""
    authority = Authority(tmp_path)
    with SmtpServer(tls=authority.serving()) as server:
        pinned = channel(server, tls="starttls", ca_file=str(authority.issued))
        assert isinstance(await told(pinned), Receipt)
        first = authority.issued.rename(tmp_path / "first.pem")
    with SmtpServer(tls=authority.serving()) as server:
        error = await failed(channel(server, tls="starttls", ca_file=str(first)))
        assert "is not trusted here" in error.detail


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
async def test_an_authority_that_is_not_known_is_said(tmp_path: Path, implicit: bool) -> None:
    """With what to do: `smtp.ca_file`."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    tls = "implicit" if implicit else "starttls"
    with SmtpServer(tls=Authority(tmp_path).serving(), implicit=implicit) as server:
        for trust in ({}, {"ca_file": str(other.file)}):
            error = await failed(channel(server, tls=tls, **trust))
            assert "from an authority (CA) that is not trusted here" in error.detail
            assert "`smtp.ca_file`" in error.detail


async def test_what_keeps_a_connection_from_being_made_is_said() -> None:
    """A name that is not there, a port where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused = await broken_off(free.getsockname()[1])
    assert "refused the connection: does it run, and is `smtp.port` right?" in refused.detail
    session = SmtpSession(
        host="nowhere.invalid", port=25, security="starttls", tls=ssl.create_default_context()
    )
    with pytest.raises(SendError, match=r"could not be resolved: is `smtp.host` right") as caught:
        await session.deliver(b"x", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.TRANSIENT
    assert "firewall" in connection_error("connection", TimeoutError()).detail
    assert "network" in connection_error("connection", OSError(101, "unreachable")).detail


async def test_the_second_address_of_a_host_is_tried() -> None:
    """`localhost` is ::1 as well, where nothing listens."""
    with SmtpServer() as server:
        session = SmtpSession(
            host="localhost", port=server.port, security="none", tls=ssl.create_default_context()
        )
        await session.deliver(b"Subject: x\r\n\r\nx\r\n", sender="a@b.c", recipient="d@e.f")
        assert len(server.mails) == 1
