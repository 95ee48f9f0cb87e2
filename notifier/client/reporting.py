"""Reporting a failure once, whatever sees it, and never in the way of what it watches."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from notifier.client import context, events, marks, shown
from notifier.client.events import About
from notifier.client.guard import guarded, inside
from notifier.client.held import Held, Logged
from notifier.client.options import Ignored, Options, log
from notifier.client.transport import NullTransport, Transport


class Reporting:
    """Turns what was raised, logged or said into events, and hands them to the transport."""

    def __init__(self, options: Options, transport: Transport) -> None:
        self._options = options
        self._transport = transport
        self._held = Held(self._release)
        # Says which marks are its own, also where it is gone and another is at its place in memory.
        self._owner = object()

    def mark(self, error: BaseException, event_id: str | None) -> None:
        """This failure has been dealt with here; where nothing ever leaves, somebody else may want it."""
        marks.mark(error, event_id, self._owner)

    def marked(self, error: BaseException) -> tuple[bool, str | None]:
        """Whether it has, and its report's id."""
        return marks.marked(error, self._owner)

    def capture(self, error: BaseException | None, about: About) -> str | None:
        """Report once, whatever sees it. Never raises."""
        if inside():
            return None
        event_id: str | None = None

        def report() -> None:
            nonlocal event_id
            event_id = self._captured(error, about)

        _quietly(report)
        return event_id

    def logged(self, error: BaseException, about: About) -> None:
        """An exception was logged; where somebody further out will see it as well, that one's report is the better."""
        within = context.attempt.get() is not None or context.request.get(None) is not None
        if not within:
            self.capture(error, about)
        elif not inside():
            _quietly(lambda: self._hold(error, about))

    def forget(self, error: BaseException) -> None:
        """This failure is not to be reported, however often it was logged."""
        self._held.take(error)

    def release_all(self) -> None:
        """Report what was logged a moment ago, now."""
        self._held.release_all()

    def begin_anew(self) -> None:
        """In a forked child: what was logged in the parent is the parent's to report."""
        self._held = Held(self._release)

    def _captured(self, error: BaseException | None, about: About) -> str | None:
        if error is None:
            return self._send(None, about)
        error = marks.unwrapped(error)
        known, event_id = self.marked(error)
        if known:
            return event_id
        logged = self._held.take(error)
        if logged is not None:
            words = {"logger": logged["context"].get("logger"), **about.context}
            about = replace(about, message=about.message or logged.get("message"), context=words)
        event_id = self._send(error, about)
        self.mark(error, event_id)
        return event_id

    def _send(self, error: BaseException | None, about: About) -> str | None:
        """The id of the event that leaves, None where it is not wanted."""
        if isinstance(self._transport, NullTransport):
            return None
        reason = self._unwanted(error)
        if reason is not None:
            self._transport.drop(reason)
            return None
        document = events.event(self._options, self._within(about), error)
        self._transport.event(document)
        return str(document["id"])

    def _hold(self, error: BaseException, about: About) -> None:
        if not self.marked(error)[0] and not isinstance(self._transport, NullTransport):
            self._held.add(error, events.event(self._options, self._within(about), error))

    def _release(self, logged: Logged) -> None:
        """Nobody else has reported what was logged."""
        if self.marked(logged.error)[0]:
            return
        reason = self._unwanted(logged.error)
        if reason is None:
            self._transport.event(logged.event)
        else:
            self._transport.drop(reason)
        self.mark(logged.error, None if reason else logged.event["id"])

    def _within(self, about: About) -> About:
        """What is reported from within a task names it; only the task's own failure is linked to the run."""
        attempt = context.attempt.get()
        if about.task is not None or attempt is None:
            return about
        task = attempt.about()
        return replace(
            about,
            task={name: task[name] for name in ("name", "attempt", "max_attempts")},
            context={"task_run": task["id"], **about.context},
        )

    def _unwanted(self, error: BaseException | None) -> str | None:
        if error is not None and any(_matches(error, one) for one in self._options.ignore):
            return "ignored"
        rate = self._options.sample_rate
        return "sampled" if rate < 1 and random.random() >= rate else None  # noqa: S311 - guards nothing


def _matches(error: BaseException, ignored: Ignored) -> bool:
    if isinstance(ignored, str):
        return any(ignored in {kind.__name__, shown.name_of(kind)} for kind in type(error).__mro__)
    return isinstance(error, ignored)


def _quietly(call: Callable[[], None]) -> None:
    """What the client does for itself must not end what it watches."""
    try:
        with guarded():
            call()
    except Exception:  # noqa: BLE001 - the edge between the client and what it watches
        log.exception("a failure could not be reported")
