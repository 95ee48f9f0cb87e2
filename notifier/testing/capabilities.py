"""Checks that a channel has the capabilities its kind states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from notifier.channels.base import Callback
from notifier.domain.button import Button
from notifier.domain.delivery import Receipt
from notifier.domain.interaction import Press
from notifier.domain.message import ActionLink, Message
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.telemetry.clock import SystemClock
from notifier.testing.cases import ChannelCase, parse_settings
from notifier.testing.messages import hostile, incident, message, message_about

LINK = "https://notifier.example.com/actions/t0k3n"


class _Sender(Protocol):
    async def send(self, told: Message, *, ref: str | None = None) -> Receipt: ...


Check = Callable[[ChannelCase, Any, _Sender, object], Awaitable[object]]
"""A check takes a case, its running receiver, an open channel and the stated value, and returns the observed value."""


async def _threads(case: ChannelCase, receiver: Any, sender: _Sender, _stated: object) -> bool:
    first = await sender.send(message_about(incident(), Reason.OPENED))
    await sender.send(_second(Reason.ACKNOWLEDGED), ref=first.ref)
    messages = case.received(receiver)
    return first.ref is not None and case.belongs_to(messages[0], messages[-1], first.ref)


def _changes(reason: Reason) -> Check:
    """A check that a second message for this reason changes the visible messages without adding one."""

    async def check(case: ChannelCase, receiver: Any, sender: _Sender, _stated: object) -> bool:
        first = await sender.send(message_about(incident(), Reason.OPENED))
        before = list(case.visible(receiver))
        await sender.send(_second(reason), ref=first.ref)
        after = list(case.visible(receiver))
        return len(after) <= len(before) and after != before

    return check


async def _buttons(case: ChannelCase, receiver: Any, sender: _Sender, _stated: object) -> bool:
    sent = message_about(incident(), Reason.OPENED)
    await sender.send(sent)
    callback = case.press(receiver)
    if callback is not None:
        _assert_read(case, receiver, callback, sent)
    return callback is not None


def _assert_read(case: ChannelCase, receiver: Any, callback: Callback, sent: Message) -> None:
    """`inbound` reads a correctly signed press, refuses every forged one, and raises no exception."""
    inbound, now = case.kind.inbound, SystemClock().now()
    assert inbound is not None, "messages have buttons, and the kind has no `inbound`"
    channels = {"c": parse_settings(case.kind, case.options(receiver))}
    press = inbound.read(callback, channels, now=now)
    assert isinstance(press, Press), press
    assert (press.button, press.thread, press.kind) == (Button.ACKNOWLEDGE, sent.thread_id, case.kind.name)
    assert set(press.channels) == {"c"}
    assert press.id == getattr(inbound.read(callback, channels, now=now), "id", None), (
        "a repeat has another id"
    )
    for forged in (
        replace(callback, body=callback.body + b" "),
        replace(callback, headers={}),
        Callback(headers=dict.fromkeys(callback.headers, "\x00ÿ"), body=b"\xff\x00"),
        Callback(headers={}, body=b""),
    ):
        assert not isinstance(inbound.read(forged, channels, now=now), Press), "a forged callback is a press"
    assert not isinstance(inbound.read(callback, {}, now=now), Press), "no channel vouches for the press"
    for text in (None, "", "x" * 10_000, "<!channel> \x00\ud800"):
        inbound.reply(text)


async def _links(case: ChannelCase, receiver: Any, sender: _Sender, stated: object) -> object:
    if not stated:  # Delivery gives such a channel no links.
        return stated
    link = ActionLink(incident_id=incident().id, action="acknowledge", url=LINK)
    await sender.send(message(actions=(link,)))
    return all(LINK in received.text for received in case.received(receiver))


async def _idempotent(case: ChannelCase, receiver: Any, sender: _Sender, _stated: object) -> bool:
    for sent in (message(), message(possible_repeat=True), message(id="m-2")):
        await sender.send(sent)
    keys = [case.idempotency_key(received) for received in case.received(receiver)]
    return None not in keys and keys[0] == keys[1] != keys[2]


async def _max_bytes(case: ChannelCase, receiver: Any, sender: _Sender, stated: object) -> object:
    for reason in Reason:
        first = await sender.send(hostile(case.markup, incidents=20, reason=reason))
        await sender.send(hostile(case.markup, incidents=20, reason=reason, id="m-2"), ref=first.ref)
    largest = max(len(received.body) for received in case.received(receiver))
    return largest if isinstance(stated, int) and largest > stated else stated


def _second(reason: Reason) -> Message:
    changes: dict[Reason, dict[str, Any]] = {
        Reason.ACKNOWLEDGED: {"state": State.ACKNOWLEDGED, "acknowledged_by": "ann"},
        Reason.RESOLVED: {"state": State.RESOLVED, "resolved_at": incident().last_seen},
        Reason.REPEATED: {"count": 9_999},
    }
    return message_about(incident(**changes[reason]), reason, id="m-2")


CHECKS: Mapping[str, Check] = {
    "threads": _threads,
    "edits": _changes(Reason.REPEATED),
    "buttons": _buttons,
    "links": _links,
    "acknowledges": _changes(Reason.ACKNOWLEDGED),
    "resolves": _changes(Reason.RESOLVED),
    "idempotent": _idempotent,
    "max_bytes": _max_bytes,
}
"""The check of each member of `Capabilities`."""
