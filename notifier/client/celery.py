"""Celery integration: reports tasks' failures, and tracks their runs under Celery's own ids.

    from notifier.client import celery as notifier_celery
    notifier_celery.instrument(notifier)

Call it in the module that makes the Celery application, so that it runs in the worker and where tasks are sent. It
listens to Celery's signals and changes nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Final, Unpack

from celery import Celery, signals, states
from celery.exceptions import InvalidTaskError, NotRegistered, Retry, TimeLimitExceeded
from celery.utils.serialization import UnpickleableExceptionWrapper

from notifier.client.capture import reported
from notifier.client.notifier import Notifier
from notifier.client.tasks.tracking import Tracked, TrackOptions

SAME_TIMEOUT_S: Final = 1.0
"""The most seconds between the two `task_failure` signals that Celery sends for one hard time limit, since 5.6."""


def instrument(notifier: Notifier, app: Celery | None = None, **options: Unpack[TrackOptions]) -> None:
    """Tracks the tasks of this application, else of all. Reports a failure once, when Celery will not retry it.

    Exceptions listed in a task's `throws` are tracked and not reported.
    """
    listening = _Listening(notifier, app, options)
    for signal, receiver in (
        (signals.after_task_publish, listening.published),
        (signals.task_prerun, listening.begins),
        (signals.task_retry, listening.retried),
        (signals.task_failure, listening.failed),
        (signals.task_postrun, listening.over),
        (signals.task_revoked, listening.revoked),
        (signals.task_unknown, listening.unknown),
        (signals.task_rejected, listening.rejected),
        (signals.worker_process_shutdown, listening.stops),
    ):
        # A second call with the same notifier registers no second listener.
        name = f"notifier-{id(notifier)}-{id(app)}-{signal.name}"
        signal.connect(receiver, weak=False, dispatch_uid=name)


class _Listening:
    """The current attempts in this process, by task id."""

    def __init__(self, notifier: Notifier, app: Celery | None, options: TrackOptions) -> None:
        self._notifier = notifier
        self._app = app
        self._options = options
        self._running: dict[str, Tracked] = {}
        self._sent_on: set[str] = set()
        self._timed_out: tuple[str, float] | None = None

    def published(self, sender: str, headers: Mapping[str, Any] | None = None, **_: Any) -> None:
        """A task was sent: a new one, or a running one that continues elsewhere (a retry, `replace`)."""
        id_ = (headers or {}).get("id")
        if headers is None or id_ is None or not (self._app is None or sender in self._app.tasks):
            return
        if id_ in self._running:
            self._sent_on.add(id_)
        elif not headers.get("retries"):
            self._notifier.track(sender, id_=id_, max_attempts=None, **self._options).queued()

    def begins(self, task: Any, task_id: str, args: Any, kwargs: Any, **_: Any) -> None:
        if self._tracks(task):
            tracked = self._attempt(task, task_id, task.request, args, kwargs)
            self._running[task_id] = tracked
            tracked.processing()

    def retried(self, sender: Any, request: Any, reason: Any = None, **_: Any) -> None:
        if self._tracks(sender):
            # Without a reason the worker lost its broker, and returns the tasks that it had started.
            error = getattr(reason, "exc", None) or reason or Retry("cancelled by Celery")
            error = _original(error, getattr(reason, "__context__", None))
            self._current_attempt(sender, request.id, request).retrying(error)

    def failed(self, sender: Any, task_id: str, exception: BaseException, **_: Any) -> None:
        """Also runs in the worker's main process, which alone sees that a child was killed or timed out."""
        if self._tracks(sender) and not self._is_reported_timeout(task_id, exception):
            expected = bool(sender.throws) and isinstance(exception, sender.throws)
            error = _original(exception, sys.exception())
            self._current_attempt(sender, task_id, sender.request).failed(error, expected=expected)

    def over(self, task_id: str, state: str | None, retval: Any, **_: Any) -> None:
        """Runs last, and covers states that have no other signal."""
        tracked = self._running.pop(task_id, None)
        sent_on = task_id in self._sent_on
        self._sent_on.discard(task_id)
        if tracked is None:
            return
        if state == states.SUCCESS:
            tracked.completed(retval)
        elif sent_on or getattr(retval, "requeue", False):
            tracked.retrying(retval)
        elif state == states.IGNORED:
            tracked.completed()
        else:
            tracked.lost("cancelled" if state == states.REJECTED else "interrupted")

    def revoked(self, sender: Any, request: Any, **_: Any) -> None:
        """Revoked or expired before it started, or terminated."""
        if self._tracks(sender):
            self._current_attempt(sender, request.id, request).lost("cancelled")

    def unknown(self, sender: Any, name: str, **given: Any) -> None:
        """A task that is not registered in this worker, which discards it."""
        if self._tracks(sender):
            tracked = self._notifier.track(name, id_=given["id"], max_attempts=None, **self._options)
            tracked.failed(NotRegistered(name))

    def rejected(self, sender: Any, exc: BaseException | None = None, **_: Any) -> None:
        """A message that the worker cannot read as a task, and discards."""
        if self._tracks(sender):
            self._notifier.report(exc or InvalidTaskError("a message that is no task was discarded"))

    def stops(self, **_: Any) -> None:
        """A child of the pool exits without Python's exit handlers, so pending reports are flushed here."""
        self._notifier.close()

    def _tracks(self, sender: Any) -> bool:
        """Whether a task or a worker's consumer is the application's."""
        return self._app is None or sender.app is self._app

    def _is_reported_timeout(self, task_id: str, exception: BaseException) -> bool:
        if not isinstance(exception, TimeLimitExceeded):
            return False
        last, self._timed_out = self._timed_out, (task_id, time.monotonic())
        return last is not None and last[0] == task_id and self._timed_out[1] - last[1] < SAME_TIMEOUT_S

    def _current_attempt(self, task: Any, id_: str, request: Any) -> Tracked:
        """The attempt that ends. This process may not have seen its start."""
        tracked = self._running.pop(id_, None)
        return tracked or self._attempt(task, id_, request, request.args or (), request.kwargs or {})

    def _attempt(self, task: Any, id_: str, request: Any, args: Any, kwargs: Any) -> Tracked:
        most = task.max_retries
        return self._notifier.track(
            task.name,
            id_=id_,
            attempt=(request.retries or 0) + 1,
            max_attempts=None if most is None else most + 1,
            args=args,
            kwargs=kwargs,
            **self._options,
        )


def _original(error: BaseException, raised: BaseException | None) -> BaseException:
    """The original exception. Celery replaces exceptions that cannot be pickled."""
    if raised is None or not isinstance(error, UnpickleableExceptionWrapper):
        return error
    reported.mark(error, None)
    return raised
