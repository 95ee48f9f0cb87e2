"""The guarded HTTP client: addresses, deadlines, limits and connection reuse."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from notifier.channels.addresses import allowed_networks
from notifier.channels.http import GuardedClient, name_of, parse_url
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.telemetry.clock import SystemClock
from notifier.testing import Answer, WebhookReceiver, certificate

pytestmark = pytest.mark.anyio


def client(**options: object) -> GuardedClient:
    return GuardedClient(clock=SystemClock(), **{"deadline": 20_000, **options})  # type: ignore[arg-type]


LOOPBACKS = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0177.0.0.1",
    "0x7f.1",
    "127.1",
    "①②⑦.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
]


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_loopback_is_refused_in_every_spelling(host: str) -> None:
    """Decimal, octal, hexadecimal and Unicode hosts are invalid, or judged by their resolved address."""
    try:
        url = parse_url(f"https://{host}:1/")
    except ValueError:
        return
    http = client()
    with pytest.raises(SendError) as caught:
        await http.post(url, b"{}", headers={})
    await http.aclose()
    assert caught.value.outcome in {Outcome.BLOCKED, Outcome.TRANSIENT}
    assert caught.value.outcome is Outcome.BLOCKED or "resolved" in caught.value.detail


async def test_plain_http_is_refused_unless_private_addresses_are_allowed() -> None:
    """Plain http is blocked before connecting."""
    with WebhookReceiver() as receiver:
        http = client()
        with pytest.raises(SendError) as caught:
            await http.post(
                parse_url(receiver.url), b"{}", headers={}, allow_addresses=allowed_networks(["127.0.0.0/8"])
            )
        await http.aclose()
    assert caught.value.outcome is Outcome.BLOCKED
    assert not receiver.requests


async def test_link_local_is_refused_even_when_everything_is_allowed() -> None:
    """The metadata address is never connected to."""
    http = client(allow_private_addresses=True)
    with pytest.raises(SendError) as caught:
        await http.post(parse_url("http://169.254.169.254/latest"), b"{}", headers={})
    await http.aclose()
    assert caught.value.outcome is Outcome.BLOCKED


async def test_an_exempt_network_is_dialled_by_its_channel_alone(tmp_path: Path) -> None:
    """A channel with an exemption delivers over verified TLS; another one is blocked."""
    serving, trusting = certificate(tmp_path)
    with WebhookReceiver(tls=serving) as receiver:
        http = client(tls=trusting)
        url = parse_url(f"https://localhost:{receiver.port}/hook")
        reply = await http.post(
            url, b"{}", headers={}, allow_addresses=allowed_networks(["127.0.0.0/8", "::1"])
        )
        with pytest.raises(SendError) as caught:
            await http.post(url, b"{}", headers={})
        await http.aclose()
    assert reply.status == 200
    assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"
    assert caught.value.outcome is Outcome.BLOCKED


async def test_an_untrusted_certificate_is_transient_and_nothing_is_sent(tmp_path: Path) -> None:
    """An untrusted certificate ends the connection before the request."""
    serving, _ = certificate(tmp_path)
    with WebhookReceiver(tls=serving) as receiver:
        http = client(allow_private_addresses=True)
        with pytest.raises(SendError) as caught:
            await http.post(parse_url(receiver.url), b"{}", headers={})
        await http.aclose()
    assert caught.value.outcome is Outcome.TRANSIENT
    assert not receiver.requests


async def test_a_name_that_does_not_resolve_is_transient() -> None:
    """A DNS failure is transient."""
    http = client()
    with pytest.raises(SendError) as caught:
        await http.post(parse_url("https://nowhere.invalid/"), b"{}", headers={})
    await http.aclose()
    assert caught.value.outcome is Outcome.TRANSIENT


async def test_a_body_that_drips_does_not_undo_the_status() -> None:
    """A slow body after a 200 does not delay the receipt."""
    with WebhookReceiver(default=Answer(body=b"x" * 200, drip=0.1)) as receiver:
        http = client(allow_private_addresses=True, deadline=1_000)
        started = time.monotonic()
        reply = await http.post(parse_url(receiver.url), b"{}", headers={})
        await http.aclose()
    assert (reply.status, reply.whole) == (200, False)
    assert time.monotonic() - started < 10


async def test_a_huge_answer_is_cut() -> None:
    """At most 64 KiB of an answer are read."""
    with WebhookReceiver(default=Answer(body=b"x" * 1_000_000)) as receiver:
        http = client(allow_private_addresses=True)
        reply = await http.post(parse_url(receiver.url), b"{}", headers={})
        await http.aclose()
    assert (len(reply.body), reply.whole) == (64 * 1024, False)


async def test_userinfo_becomes_basic_authentication_and_stays_out_of_the_name() -> None:
    """Credentials in the URL are sent as a header and shown nowhere."""
    with WebhookReceiver() as receiver:
        url = parse_url(receiver.url.replace("://", "://ann:p%40ss@") + "?key=1#part")
        http = client(allow_private_addresses=True)
        await http.post(url, b"{}", headers={})
        await http.aclose()
    assert receiver.requests[0].headers["authorization"] == "Basic YW5uOnBAc3M="
    assert receiver.requests[0].path == "/hook?key=1"
    assert name_of(url) == receiver.url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.example.com",
        "ftp://x",
        "https://",
        "https://a b",
        "https://x:99999",
        "file:///etc",
        "https://[::1",
    ],
)
def test_what_is_no_url_is_refused_without_repeating_it(text: str) -> None:
    """An invalid URL is refused with a sentence that does not repeat it."""
    with pytest.raises(ValueError, match=r"URL|https|host") as caught:
        parse_url(text)
    assert not text or text not in str(caught.value) or text == "https://"


async def test_a_get_is_guarded_as_a_post_is(tmp_path: Path) -> None:
    """A GET has the same address policy, and is never in clear text."""
    serving, trusting = certificate(tmp_path)
    with WebhookReceiver(tls=serving) as receiver:
        receiver.script(Answer(body=b"pem"))
        http = client(tls=trusting, allow_private_addresses=True)
        reply = await http.get(parse_url(receiver.url))
        await http.aclose()
        assert (reply.status, reply.body, reply.whole) == (200, b"pem", True)
        assert receiver.requests[0].body == b""
        strict = client(tls=trusting)
        for url in (receiver.url, receiver.url.replace("https://", "http://")):
            with pytest.raises(SendError) as caught:
                await strict.get(parse_url(url))
            assert caught.value.outcome is Outcome.BLOCKED
        await strict.aclose()
