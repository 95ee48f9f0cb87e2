"""What every kind that speaks HTTP or SMTP does alike: outcomes, no secrets, and no echo."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from notifier.channels import registry
from notifier.channels.base import Channel, Toolbox
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.settings import ChannelBlock, SourceMark
from notifier.testing import Answer, FakeSlack, WebhookReceiver
from notifier.testing.messages import incident, message

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(b"k3y-that-nobody-may-see!").decode()
TOKEN = "xoxb-nobody-may-see-this"
KINDS = ("webhook", "slack-bot", "slack-hook")
THREAD = Thread(id="t-1")


@asynccontextmanager
async def opened(kind: str, options: dict[str, Any], toolbox: Toolbox) -> AsyncIterator[tuple[Channel, str]]:
    block = ChannelBlock(
        name="c", type=kind, options=options, mark=SourceMark(file="notifier.yaml", line=1, column=1)
    )
    config = registry.validate(block, allow_private=True)
    assert isinstance(config, registry.ChannelConfig), config
    channel = registry.open(config, toolbox)
    try:
        yield channel, config.targets[0]
    finally:
        await channel.aclose()


@pytest.fixture(params=KINDS)
def receiver(request: pytest.FixtureRequest) -> Iterator[tuple[str, WebhookReceiver | FakeSlack]]:
    server = WebhookReceiver() if request.param == "webhook" else FakeSlack(token=TOKEN)
    with server:
        yield request.param, server


def block_for(kind: str, server: WebhookReceiver | FakeSlack) -> tuple[str, dict[str, Any]]:
    if isinstance(server, WebhookReceiver):
        url = server.url.replace("http://", "http://user:pa55word@") + "?token=s3cr3t"
        return "webhook", {"url": url, "secret": SECRET}
    if kind == "slack-bot":
        return "slack", {"token": TOKEN, "channel": "#oncall", "base_url": server.base_url}
    return "slack", {"webhook_url": server.webhook_url}


async def told(kind: str, server: WebhookReceiver | FakeSlack, toolbox: Toolbox) -> Receipt | SendError:
    """One message through the real thing: how it ended."""
    name, options = block_for(kind, server)
    async with opened(name, options, toolbox) as (channel, target):
        try:
            return await channel.send(message(), target=target, thread=THREAD)
        except SendError as error:
            return error


async def test_a_receiver_that_takes_it_gives_a_receipt(receiver: Any, toolbox: Toolbox) -> None:
    """Given a healthy receiver, the message is delivered in one request."""
    kind, server = receiver
    assert isinstance(await told(kind, server, toolbox), Receipt)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "status", [301, 307, 400, 401, 403, 404, 408, 410, 413, 422, 425, 429, 500, 502, 503, 599]
)
async def test_every_status_class_becomes_its_outcome(receiver: Any, toolbox: Toolbox, status: int) -> None:
    """An error status with a body that says nothing is judged by the one table; no redirect is followed."""
    kind, server = receiver
    headers = {"Location": f"{server.origin}/elsewhere", "Retry-After": "7"}
    server.script(Answer(status=status, headers=headers, body=b"<html>proxy pa55word</html>"))
    error = await told(kind, server, toolbox)
    assert isinstance(error, SendError)
    named = {408: "transient", 410: "gone", 425: "transient", 429: "throttled"}
    assert error.outcome.value == named.get(status, "transient" if status >= 500 else "permanent")
    assert error.retry_after == 7_000
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [Answer(close=True), Answer(delay=5.0), Answer(delay=5.0, status=500)])
async def test_a_request_without_an_answer_is_ambiguous(
    receiver: Any, toolbox: Toolbox, answer: Answer
) -> None:
    """Written, but hung up or silent until the deadline: nobody knows whether it arrived."""
    kind, server = receiver
    server.script(answer)
    error = await told(kind, server, toolbox)
    assert isinstance(error, SendError)
    assert error.outcome is Outcome.AMBIGUOUS


async def test_a_refused_connection_is_transient(receiver: Any, toolbox: Toolbox) -> None:
    """Nothing listens: nothing was written, so it is safe to try again."""
    kind, server = receiver
    name, options = block_for(kind, server)
    server.stop()
    async with opened(name, options, toolbox) as (channel, target):
        with pytest.raises(SendError) as caught:
            await channel.send(message(), target=target, thread=THREAD)
    server.start()
    assert caught.value.outcome is Outcome.TRANSIENT


@pytest.mark.parametrize("answer", [Answer(status=403, body=b"pa55word s3cr3t"), Answer(close=True)])
async def test_no_secret_and_no_echo_in_an_error(receiver: Any, toolbox: Toolbox, answer: Answer) -> None:
    """An error names neither credentials nor what the receiver or the event said, nor does the target's name."""
    kind, server = receiver
    server.script(answer)
    name, options = block_for(kind, server)
    async with opened(name, options, toolbox) as (channel, target):
        with pytest.raises(SendError) as caught:
            await channel.send(message(), target=target, thread=THREAD)
    shown = f"{caught.value} {caught.value.detail} {target}"
    for secret in (SECRET, SECRET[6:], TOKEN, "pa55word", "s3cr3t", "upstream timed out"):
        assert secret not in shown


async def test_hostile_events_are_sent_all_the_same(receiver: Any, toolbox: Toolbox) -> None:
    """NUL, line breaks, markup, surrogates and sheer size cost no delivery and break no limit."""
    kind, server = receiver
    nasty = "<!channel> \x00\r\nBcc: x@y.z \ud800 \u202e</b><script>&" + "€" * 50_000
    name, options = block_for(kind, server)
    async with opened(name, options, toolbox) as (channel, target):
        changed = incident(title=nasty, labels={"service": nasty, "release": nasty})
        told_of = (message().told[0].__class__(incident=changed, reason=message().reason),)
        await channel.send(message(told=told_of, labels={"service": nasty}), target=target, thread=THREAD)
    assert b"<!channel>" not in server.requests[0].body or kind == "webhook"
    assert len(server.requests[0].body) < 20_000
