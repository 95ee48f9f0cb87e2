"""Causes of failed webhook and Slack requests in words: certificates, TLS, HTTP/2, the network."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from notifier.channels.http import GuardedClient, parse_url
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.telemetry.clock import SystemClock
from notifier.testing import WebhookReceiver, certificate
from tests.authority import EXPIRED, NOT_YET, Authority
from tests.sockets import answering, wait_for_port

pytestmark = pytest.mark.anyio

# An HTTP/2 server's first frames: SETTINGS and GOAWAY (RFC 9113, 6.5 and 6.8).
SETTINGS = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"

OTHER = b"220 mx.example.com ESMTP\r\n\r\n"
ALERT = b"\x15\x03\x03\x00\x02\x02\x46"


async def failed(url: str, *, tls: ssl.SSLContext | None = None) -> SendError:
    http = GuardedClient(clock=SystemClock(), allow_private_addresses=True, deadline=5_000, tls=tls)
    try:
        with pytest.raises(SendError) as caught:
            await http.post(parse_url(url), b"{}", headers={})
    finally:
        await http.aclose()
    return caught.value


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        ((), EXPIRED, "the receiver's certificate has expired: it has to be renewed there"),
        ((), NOT_YET, "is not valid yet: are the clocks right"),
        (("hooks.example.com",), (-1, 1), "is for another name than 127.0.0.1"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_said(
    tmp_path: Path, names: tuple[str, ...], days: tuple[int, int], words: str
) -> None:
    """An expired, future or mismatched certificate is named, and nothing is sent."""
    authority = Authority(tmp_path)
    with WebhookReceiver(tls=authority.serving(*names, days=days)) as receiver:
        error = await failed(receiver.url, tls=authority.trusting)
        assert receiver.requests == []
    assert words in error.detail
    assert error.outcome is Outcome.TRANSIENT


async def test_an_authority_that_is_not_known_is_said(tmp_path: Path) -> None:
    """A private authority or a self-signed certificate is named, with what to do."""
    with WebhookReceiver(tls=Authority(tmp_path).serving()) as receiver:
        error = await failed(receiver.url)
    assert (
        "from an authority (CA) that is not trusted here: add it to what this machine trusts" in error.detail
    )
    serving, _ = certificate(tmp_path)
    with WebhookReceiver(tls=serving) as receiver:
        error = await failed(receiver.url)
    assert (
        "is self-signed, by no authority (CA) that is trusted here: add it to what this machine trusts"
        in error.detail
    )


async def test_an_old_server_is_said(tmp_path: Path) -> None:
    """TLS 1.2 is the minimum; the test uses a server that requires 1.3 of a client with 1.2."""
    authority = Authority(tmp_path)
    serving, trusting = authority.serving(), authority.trusting
    serving.minimum_version = ssl.TLSVersion.TLSv1_3
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    with WebhookReceiver(tls=serving) as receiver:
        error = await failed(receiver.url, tls=trusting)
    assert "speaks only versions of TLS" in error.detail


async def test_a_server_that_wants_a_certificate_of_ours_is_said(tmp_path: Path) -> None:
    """A server that requires a client certificate over TLS 1.2 is named before anything is sent."""
    authority = Authority(tmp_path)
    serving, trusting = authority.serving(), authority.trusting
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_verify_locations(cafile=str(authority.file))
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    with WebhookReceiver(tls=serving) as receiver:
        error = await failed(receiver.url, tls=trusting)
    assert "wants a certificate of its clients" in error.detail
    assert error.outcome is Outcome.TRANSIENT


async def test_a_port_without_tls_is_said() -> None:
    """https:// to a plain http port is named."""
    with WebhookReceiver() as receiver:
        error = await failed(receiver.url.replace("http://", "https://"))
    assert "does not speak TLS on this port: is the port right?" in error.detail


@pytest.mark.parametrize(
    ("alert", "words"),
    [(0x50, "has it a certificate for the name 127.0.0.1?"), (0x28, "no cipher in common")],
    ids=["internal error", "handshake failure"],
)
async def test_an_alert_in_the_handshake_is_said(alert: int, words: str) -> None:
    """A TLS alert is named; Caddy and Go send an internal error if they have no certificate for a name."""
    with answering(
        lambda connection: connection.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes([alert]))
    ) as port:
        assert words in (await failed(f"https://127.0.0.1:{port}/")).detail


async def test_an_answer_whose_chunks_are_broken_may_have_been_a_success() -> None:
    """A broken chunked answer is ambiguous, because the message may have been accepted."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    with answering(serve) as port:
        error = await failed(f"http://127.0.0.1:{port}/")
    assert error.outcome is Outcome.AMBIGUOUS
    assert "its chunks cannot be read" in error.detail


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "answer", [SETTINGS, SETTINGS + GOAWAY, OTHER, ALERT], ids=["h2", "goaway", "other", "alert"]
)
async def test_what_is_not_http_1_1_is_permanent(tmp_path: Path, answer: bytes, tls: bool) -> None:
    """An answer that is not HTTP/1.1 is permanent, because the server has accepted nothing."""
    authority = Authority(tmp_path)

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        connection.recv(1)

    with answering(serve, authority.serving() if tls else None, patience=1) as port:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
        error = await failed(url, tls=authority.trusting)
    assert error.outcome is Outcome.PERMANENT
    assert "does the receiver speak HTTP/2 only" in error.detail


async def test_a_server_that_offers_http_2_alone_is_permanent(tmp_path: Path) -> None:
    """A server that offers HTTP/2 only ends the handshake, tested with OpenSSL."""
    _, trusting = certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-alpn", "h2", "-quiet",
               "-cert", str(tmp_path / "cert.pem"), "-key", str(tmp_path / "key.pem")]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            error = await failed(f"https://127.0.0.1:{port}/", tls=trusting)
        finally:
            server.kill()
    assert error.outcome is Outcome.PERMANENT
    assert "speaks HTTP/2 only" in error.detail


@pytest.mark.parametrize(
    ("protocols", "outcome"),
    [(["h2"], Outcome.PERMANENT), (["h2", "http/1.1"], Outcome.AMBIGUOUS), ([], Outcome.AMBIGUOUS)],
    ids=["h2", "both", "none"],
)
async def test_a_server_of_http_2_alone_that_hangs_up_is_found_out(
    tmp_path: Path, protocols: list[str], outcome: Outcome
) -> None:
    """A server that closes after the handshake is permanent if it offers HTTP/2 only, and ambiguous otherwise."""
    authority = Authority(tmp_path)
    serving = authority.serving()
    if protocols:
        serving.set_alpn_protocols(protocols)
    with answering(lambda _: None, serving, patience=1) as port:
        error = await failed(f"https://127.0.0.1:{port}/", tls=authority.trusting)
    assert error.outcome is outcome
    assert ("speaks HTTP/2 only" in error.detail) is (outcome is Outcome.PERMANENT)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 O"])
async def test_a_connection_that_ends_is_still_a_possible_repeat(answer: bytes) -> None:
    """A connection that ends after the request was written is ambiguous."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    with answering(serve, patience=1) as port:
        error = await failed(f"http://127.0.0.1:{port}/")
    assert error.outcome is Outcome.AMBIGUOUS


async def test_a_port_where_nobody_listens_is_said() -> None:
    """A refused connection is transient, because nothing was written."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = await failed(f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert error.detail == "the receiver refused the connection: does it run, and is the URL's port right?"
    assert error.outcome is Outcome.TRANSIENT


async def test_an_authority_that_the_machine_trusts_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE adds an authority, as the error suggests."""
    authority = Authority(tmp_path)
    monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(authority.file))
    with WebhookReceiver(tls=authority.serving()) as receiver:
        http = GuardedClient(clock=SystemClock(), allow_private_addresses=True)
        reply = await http.post(parse_url(receiver.url), b"{}", headers={})
        await http.aclose()
    assert reply.status == 200
