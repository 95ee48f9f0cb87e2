"""The rules that every kind of channel keeps, as a suite for pytest; the tests of a kind are one class.

    from notifier.testing.conformance import Conformance, HttpCase

    class TestNtfy(Conformance):
        case = HttpCase(KIND, lambda receiver: {"url": receiver.url})

The rules are those of `notifier.channels.api`: a receipt or one `SendError` with an outcome, nothing retried, no secret
in an error or a log, event text that stays text, and the capabilities that the kind states. A receiver that is no plain
HTTP server is a `ChannelCase` of its own (`notifier.testing.cases`).
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
from notifier.testing.cases import ECHO, ChannelCase, HttpCase, TakenMessage, Trouble, parse_settings
from notifier.testing.messages import hostile, incident, message, message_about

__all__ = ["ChannelCase", "Conformance", "HttpCase", "TakenMessage", "Trouble"]

DEADLINE: Duration = 20 * SECOND
"""How long an HTTP request of a test may take, where its trouble is not that it takes longer."""
CANCELLED_AFTER_S = 0.3
CANCELLED_WITHIN_S = 20.0
AT_ONCE = 4
# Receivers in the test's own process log what they are sent.
_OF_RECEIVERS = ("mail", "asyncio")

T = TypeVar("T")
Work = Callable[["_Sender"], Awaitable[T]]


class Conformance:
    """The suite. A subclass whose name begins with `Test` names its `case`."""

    case: ClassVar[ChannelCase]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "trouble" in metafunc.fixturenames:
            metafunc.parametrize("trouble", self.case.troubles, ids=lambda trouble: trouble.name)
        if "capability" in metafunc.fixturenames:
            metafunc.parametrize("capability", capabilities.CHECKS)

    def test_a_receiver_that_takes_a_message_gives_a_receipt(self) -> None:
        """One message, one receipt, and no secret in the receipt or the log."""
        with self.case.receiver() as receiver, _log() as log:
            receipt = _run(self.case, receiver, lambda sender: sender.send(message()))
            assert isinstance(receipt, Receipt)
            assert len(self.case.taken(receiver)) == 1
        self._assert_no_secret(f"{receipt} {log}")

    def test_trouble_becomes_its_outcome(self, trouble: Trouble) -> None:
        """One `SendError` after one try, which repeats neither a secret nor what the event or the receiver said."""
        with self.case.receiver() as receiver, _log() as log:
            options = self.case.options(receiver)
            trouble.cause(receiver)
            error = _run(self.case, options, _failure, trouble)
            assert (error.outcome, error.retry_after) == (trouble.outcome, trouble.retry_after), error
            assert len(self.case.taken(receiver)) <= 1
        shown = f"{error} {error.detail} {log}"
        self._assert_no_secret(shown)
        assert ECHO not in shown
        assert incident().title not in shown

    def test_it_is_looked_at_without_sending(self) -> None:
        """A kind has `check`, which says something of a receiver that is there, shows no secret and tells nobody."""

        async def work(sender: _Sender) -> str:
            assert isinstance(sender.channel, Checkable), "a kind has `check`: `notifier doctor` asks it"
            return await sender.channel.check(target=sender.target)

        with self.case.receiver() as receiver, _log() as log:
            said = _run(self.case, receiver, work)
            assert said
            assert list(self.case.standing(receiver)) == []
        self._assert_no_secret(f"{said} {log}")

    def test_a_send_that_is_cancelled_ends_at_once(self) -> None:
        """And the channel goes on."""
        with self.case.receiver() as receiver:
            self.case.make_slow(receiver)
            receipt = _run(self.case, receiver, lambda sender: self._after_cancellation(sender, receiver))
            assert isinstance(receipt, Receipt)

    def test_several_messages_are_sent_at_once(self) -> None:
        """Each send stands for itself."""

        async def work(sender: _Sender) -> list[Receipt]:
            messages = [message(id=f"m-{number}", thread_id=f"t-{number}") for number in range(AT_ONCE)]
            return await asyncio.gather(*map(sender.send, messages))

        with self.case.receiver() as receiver:
            assert len(_run(self.case, receiver, work)) == AT_ONCE
            assert len(self.case.taken(receiver)) == AT_ONCE

    def test_a_message_of_any_reason_is_delivered(self) -> None:
        """As the first of its thread, and as one that follows."""

        async def work(sender: _Sender) -> None:
            for reason in Reason:
                first = await sender.send(message_about(incident(), reason))
                await sender.send(message_about(incident(), reason, id="m-2"), ref=first.ref)

        with self.case.receiver() as receiver:
            _run(self.case, receiver, work)
            assert len(self.case.taken(receiver)) >= 2 * len(Reason)

    def test_event_text_stays_text(self) -> None:
        """Hostile text in every field costs no delivery, breaks no limit, and brings in no markup of the receiver's."""
        with self.case.receiver() as receiver:
            _run(self.case, receiver, lambda sender: sender.send(hostile(self.case.markup)))
            [taken] = self.case.taken(receiver)
        assert [piece for piece in self.case.markup if self.case.brings_in(taken, piece)] == []

    def test_a_capability_is_stated_truly(self, capability: str) -> None:
        """A channel does what its kind says that it can, and nothing more."""
        stated = getattr(self.case.can, capability)
        with self.case.receiver() as receiver:
            check = capabilities.CHECKS[capability]
            found = _run(self.case, receiver, lambda sender: check(self.case, receiver, sender, stated))
        assert found == stated, f"the kind states {capability}={stated}, and its channel shows {found}"

    def test_no_secret_is_shown_by_names_and_settings(self) -> None:
        """Names of targets are stored and shown; settings may be printed."""
        with self.case.receiver() as receiver:
            settings = parse_settings(self.case.kind, self.case.options(receiver))
        targets = list(self.case.kind.targets(settings))
        assert targets
        assert all(targets)
        self._assert_no_secret(f"{targets} {settings!r} {list(self.case.kind.warnings(settings))}")

    def test_an_unknown_key_is_refused(self) -> None:
        """A slip in the configuration is a problem at start, in a sentence without the values beside it."""
        with self.case.receiver() as receiver:
            options = self.case.options(receiver)
        with pytest.raises(ValidationError) as caught:
            parse_settings(self.case.kind, {**options, "no_such_key": 1})
        self._assert_no_secret(str(caught.value))

    def test_nothing_is_left_open(self) -> None:
        """A closed channel has no task that runs and no connection that somebody else has to close."""

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
    raise AssertionError(f"it was taken all the same: {receipt}")


def _run(case: ChannelCase, receiver: Any, work: Work[T], trouble: Trouble | None = None) -> T:
    """The result of work with an open channel; `receiver` is that of the case, or the options for it."""
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
        # A transport says good-bye in the turn of the loop after its own.
        await asyncio.sleep(0)


@contextmanager
def _log() -> Iterator[list[str]]:
    """The lines that are logged meanwhile, by all but the receivers."""
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
