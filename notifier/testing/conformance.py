"""The conformance suite that every kind of channel passes, for pytest. A kind needs one class.

    from notifier.testing.conformance import Conformance, HttpCase

    class TestNtfy(Conformance):
        case = HttpCase(KIND, lambda receiver: {"url": receiver.url})

The rules are those of `notifier.channels.api`: a send returns a receipt or raises `SendError` with an
outcome, nothing is retried, errors and logs contain no secret, text of events stays text, and the kind's
capabilities are true. If the receiver is no plain HTTP server, write a `ChannelCase` (see
`notifier.testing.cases`).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from notifier.channels.base import Channel, Checkable, Toolbox
from notifier.channels.http import GuardedClient
from notifier.domain.delivery import Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration
from notifier.telemetry.clock import SystemClock
from notifier.testing import capabilities
from notifier.testing.cases import ECHO, ChannelCase, HttpCase, ReceivedMessage, Trouble, parse_settings
from notifier.testing.messages import hostile, incident, message, message_about

__all__ = ["ChannelCase", "Conformance", "HttpCase", "ReceivedMessage", "Trouble"]

DEADLINE: Duration = 20 * SECOND
"""The limit for an HTTP request, for failures that set no limit of their own."""
CANCELLED_AFTER_S = 0.3
CANCELLED_WITHIN_S = 20.0
AT_ONCE = 4
# Receivers run in the test's process and log what they receive.
_OF_RECEIVERS = ("mail", "asyncio")

T = TypeVar("T")
Work = Callable[["_Sender"], Awaitable[T]]


class Conformance:
    """The suite. A subclass is named `Test...` and sets `case`."""

    case: ClassVar[ChannelCase]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "trouble" in metafunc.fixturenames:
            metafunc.parametrize("trouble", self.case.troubles, ids=lambda trouble: trouble.name)
        if "capability" in metafunc.fixturenames:
            metafunc.parametrize("capability", capabilities.CHECKS)

    def test_a_receiver_that_takes_a_message_gives_a_receipt(self) -> None:
        """A message gives one receipt, and neither the receipt nor the log contains a secret."""
        with self.case.receiver() as receiver, _log() as log:
            receipt = _run(self.case, receiver, lambda sender: sender.send(message()))
            assert isinstance(receipt, Receipt)
            assert len(self.case.received(receiver)) == 1
        self._assert_no_secret(f"{receipt} {log}")

    def test_trouble_becomes_its_outcome(self, trouble: Trouble) -> None:
        """A failure raises `SendError` after one request, without secrets, event text or response body in the error."""
        with self.case.receiver() as receiver, _log() as log:
            options = self.case.options(receiver)
            trouble.cause(receiver)
            error = _run(self.case, options, _failure, trouble)
            assert (error.outcome, error.retry_after) == (trouble.outcome, trouble.retry_after), error
            assert len(self.case.received(receiver)) <= 1
        shown = f"{error} {error.detail} {log}"
        self._assert_no_secret(shown)
        assert ECHO not in shown
        assert incident().title not in shown

    def test_a_check_sends_nothing(self) -> None:
        """`check` returns a sentence about a reachable receiver, without a secret and without sending a message."""

        async def work(sender: _Sender) -> str:
            assert isinstance(sender.channel, Checkable), "a kind has `check`: `notifier doctor` asks it"
            return await sender.channel.check(target=sender.target)

        with self.case.receiver() as receiver, _log() as log:
            said = _run(self.case, receiver, work)
            assert said
            assert list(self.case.visible(receiver)) == []
        self._assert_no_secret(f"{said} {log}")

    def test_a_send_that_is_cancelled_ends_at_once(self) -> None:
        """A cancelled send ends at once, and the channel can still be used."""
        with self.case.receiver() as receiver:
            self.case.make_slow(receiver)
            receipt = _run(self.case, receiver, lambda sender: self._after_cancellation(sender, receiver))
            assert isinstance(receipt, Receipt)

    def test_several_messages_are_sent_at_once(self) -> None:
        """Concurrent sends do not affect each other."""

        async def work(sender: _Sender) -> list[Receipt]:
            messages = [message(id=f"m-{number}", thread_id=f"t-{number}") for number in range(AT_ONCE)]
            return await asyncio.gather(*map(sender.send, messages))

        with self.case.receiver() as receiver:
            assert len(_run(self.case, receiver, work)) == AT_ONCE
            assert len(self.case.received(receiver)) == AT_ONCE

    def test_a_message_of_any_reason_is_delivered(self) -> None:
        """A message of each reason is delivered, as the first of its thread and as a later one."""

        async def work(sender: _Sender) -> None:
            for reason in Reason:
                first = await sender.send(message_about(incident(), reason))
                await sender.send(message_about(incident(), reason, id="m-2"), ref=first.ref)

        with self.case.receiver() as receiver:
            _run(self.case, receiver, work)
            assert len(self.case.received(receiver)) >= 2 * len(Reason)

    def test_event_text_stays_text(self) -> None:
        """Hostile text in every field is delivered within the limits, and no markup in it is interpreted."""
        with self.case.receiver() as receiver:
            _run(self.case, receiver, lambda sender: sender.send(hostile(self.case.markup)))
            [received] = self.case.received(receiver)
        assert [piece for piece in self.case.markup if self.case.renders_markup(received, piece)] == []

    def test_a_capability_is_stated_truly(self, capability: str) -> None:
        """The channel has exactly the capabilities that its kind states."""
        stated = getattr(self.case.can, capability)
        with self.case.receiver() as receiver:
            check = capabilities.CHECKS[capability]
            found = _run(self.case, receiver, lambda sender: check(self.case, receiver, sender, stated))
        assert found == stated, f"the kind states {capability}={stated}, and its channel shows {found}"

    def test_no_secret_is_shown_by_names_and_settings(self) -> None:
        """Neither the names of targets nor the settings' `repr` contain a secret."""
        with self.case.receiver() as receiver:
            settings = parse_settings(self.case.kind, self.case.options(receiver))
        targets = list(self.case.kind.targets(settings))
        assert targets
        assert all(targets)
        self._assert_no_secret(f"{targets} {settings!r} {list(self.case.kind.warnings(settings))}")

    def test_an_unknown_key_is_refused(self) -> None:
        """An unknown key raises `ValidationError`, and its sentence contains no secret."""
        with self.case.receiver() as receiver:
            options = self.case.options(receiver)
        with pytest.raises(ValidationError) as caught:
            parse_settings(self.case.kind, {**options, "no_such_key": 1})
        self._assert_no_secret(str(caught.value))

    def test_nothing_is_left_open(self) -> None:
        """A closed channel leaves no running task and no open connection."""

        async def tasks() -> set[str]:
            async with _opened(self.case, options) as sender:
                await sender.send(message())
            return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}

        with warnings.catch_warnings(record=True) as caught, self.case.receiver() as receiver:
            warnings.simplefilter("always", ResourceWarning)
            options = self.case.options(receiver)
            assert asyncio.run(tasks()) == set()
            gc.collect()
        assert [str(warning.message) for warning in caught if warning.category is ResourceWarning] == []

    async def _after_cancellation(self, sender: _Sender, receiver: Any) -> Receipt:
        sending = asyncio.ensure_future(sender.send(message()))
        await asyncio.sleep(CANCELLED_AFTER_S)
        sending.cancel()
        done, _ = await asyncio.wait({sending}, timeout=CANCELLED_WITHIN_S)
        assert done, "a send that was cancelled did not end"
        self.case.make_quick(receiver)
        return await sender.send(message(id="m-2"))

    def _assert_no_secret(self, shown: str) -> None:
        assert [secret for secret in self.case.secrets if secret in shown] == [], "a secret is shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sender:
    """An open channel and its first target."""

    channel: Channel
    target: str

    async def send(self, told: Message, *, ref: str | None = None) -> Receipt:
        return await self.channel.send(told, target=self.target, thread=Thread(id=told.thread_id, ref=ref))


async def _failure(sender: _Sender) -> SendError:
    try:
        receipt = await sender.send(message())
    except SendError as error:
        return error
    raise AssertionError(f"the send succeeded: {receipt}")


def _run(case: ChannelCase, receiver: Any, work: Work[T], trouble: Trouble | None = None) -> T:
    """The result of `work` with an open channel; `receiver` is the case's receiver, or the options of the channel."""
    options = receiver if isinstance(receiver, dict) else case.options(receiver)

    async def main() -> T:
        async with _opened(case, options, trouble) as sender:
            return await work(sender)

    return asyncio.run(main())


@asynccontextmanager
async def _opened(
    case: ChannelCase, options: dict[str, Any], trouble: Trouble | None = None
) -> AsyncIterator[_Sender]:
    clock = SystemClock()
    http = GuardedClient(
        clock=clock,
        allow_private_addresses=trouble is None or trouble.allow_private,
        deadline=DEADLINE if trouble is None or trouble.deadline is None else trouble.deadline,
    )
    settings = parse_settings(case.kind, options)
    channel = case.kind.open("c", settings, Toolbox(clock=clock, http=http))
    try:
        yield _Sender(channel=channel, target=next(iter(case.kind.targets(settings))))
    finally:
        await channel.aclose()
        await http.aclose()
        # A transport closes in the next turn of the loop.
        await asyncio.sleep(0)


@contextmanager
def _log() -> Iterator[list[str]]:
    """The lines logged within the context, without those of receivers."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    handler.addFilter(lambda record: not record.name.startswith(_OF_RECEIVERS))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs() as entries:
            yield lines
    finally:
        lines += map(str, entries)
        root.setLevel(level)
        root.removeHandler(handler)
