"""Dramatiq integration: reports actors' failures, and tracks their runs under the messages' ids.

from notifier.client import dramatiq as notifier_dramatiq
broker.add_middleware(notifier_dramatiq.Tracking(notifier))
"""

from __future__ import annotations

from typing import Any, Unpack

from dramatiq import Broker, Message, MessageProxy, Middleware
from dramatiq.errors import ActorNotFound
from dramatiq.middleware import Retries

from notifier.client.capture.function_names import name_of
from notifier.client.notifier import Notifier
from notifier.client.tasks.tracking import Tracked, TrackOptions

AnyMessage = Message[Any] | MessageProxy


class Tracking(Middleware):
    """Broker middleware. Its position is free, because a run's end is recorded when its message is acked or nacked.

    A failure is reported once, when its message will not be retried. Exceptions listed in an actor's `throws` are
    tracked and not reported.
    """

    def __init__(self, notifier: Notifier, **options: Unpack[TrackOptions]) -> None:
        self._notifier = notifier
        self._options = options
        self._running: dict[str, Tracked] = {}
        self._errors: dict[str, BaseException] = {}
        self._sent_on: set[str] = set()

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:  # noqa: ARG002
        if message.message_id in self._running:
            self._sent_on.add(message.message_id)
        elif not message.options.get("retries"):
            self._track(broker, message).queued()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        tracked = self._track(broker, message)
        self._running[message.message_id] = tracked
        tracked.processing()

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if exception is not None:
            self._errors[message.message_id] = exception
        elif message.message_id in self._running:
            self._running.pop(message.message_id).completed(result)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self._current_attempt(broker, message).lost("cancelled")

    def after_ack(self, broker: Broker, message: MessageProxy) -> None:
        """The message is retried, or finished if nothing retries it."""
        error = self._errors.pop(message.message_id, None)
        sent_on = message.message_id in self._sent_on
        self._sent_on.discard(message.message_id)
        if error is not None:
            tracked = self._current_attempt(broker, message)
            if sent_on:
                tracked.retrying(error)
            else:
                tracked.failed(error)

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:
        """The message is a dead letter."""
        error = self._errors.pop(message.message_id, None)
        if error is None and not _is_known(broker, message):
            error = ActorNotFound(message.actor_name)  # type: ignore[no-untyped-call]
        if error is not None:
            expected = message.options.get("throws") or _option(broker, message, "throws", ())
            self._current_attempt(broker, message).failed(error, expected=isinstance(error, expected))

    def _current_attempt(self, broker: Broker, message: MessageProxy) -> Tracked:
        return self._running.pop(message.message_id, None) or self._track(broker, message)

    def _track(self, broker: Broker, message: AnyMessage) -> Tracked:
        return self._notifier.track(
            _name(broker, message),
            id_=message.message_id,
            attempt=message.options.get("retries", 0) + 1,
            max_attempts=_max_attempts(broker, message),
            queued_at=message.message_timestamp / 1000,
            args=message.args,
            kwargs=message.kwargs,
            **self._options,
        )


def _is_known(broker: Broker, message: AnyMessage) -> bool:
    """Whether the actor is declared in this process. A worker moves a message for another to its dead letters."""
    return message.actor_name in broker.actors


def _name(broker: Broker, message: AnyMessage) -> str:
    """`module.qualname` if the actor is known in this process, as it is in a worker; else the actor's name."""
    try:
        return name_of(broker.get_actor(message.actor_name).fn)
    except ActorNotFound:
        return message.actor_name


def _max_attempts(broker: Broker, message: AnyMessage) -> int | None:
    """The maximum number of attempts. None if it is unlimited or unknown."""
    retries = next((middleware for middleware in broker.middleware if isinstance(middleware, Retries)), None)
    if retries is None:
        return 1
    if _option(broker, message, "retry_when", retries.retry_when) is not None:
        return None
    most = message.options.get("max_retries", _option(broker, message, "max_retries", retries.max_retries))
    return None if most is None else most + 1


def _option(broker: Broker, message: AnyMessage, name: str, default: Any) -> Any:
    try:
        return broker.get_actor(message.actor_name).options.get(name, default)
    except ActorNotFound:
        return default
