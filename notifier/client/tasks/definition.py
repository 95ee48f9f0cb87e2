"""The definition of a task: its function, and the options for executing, reporting and storing its runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import CoroutineType, MethodType
from typing import Any, Final, Literal, cast

from notifier.client.capture import exception_parts, json_safe
from notifier.client.capture.function_names import TASK, innermost, name_of, task_of
from notifier.client.options import NAME_CHARS, SEVERITIES, is_error_class, log
from notifier.client.tasks.backoff import BASE, MAX_DELAY_S, Backoff, delay
from notifier.client.tasks.runs import Run

Alert = Literal["after_final_failure", "every_failure", "never"]
RetryOn = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
ALERTS: Final = ("after_final_failure", "every_failure", "never")
ARGUMENTS_BYTES: Final = 65_536

_DESCRIPTORS: Final = "@notifier.task stands under @{0}, next to the function"
_NOT_CALLABLE: Final = {
    classmethod: _DESCRIPTORS.format("classmethod"),
    property: _DESCRIPTORS.format("property"),
    CoroutineType: "a task is the function itself: add(f, 1), and not add(f(1))",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """One function as a task. `retries` are in addition to the first attempt; `timeout` is in seconds per attempt."""

    name: str
    function: Callable[..., Any]
    is_async: bool
    retries: int = 0
    backoff: Backoff = BASE
    retry_on: RetryOn = Exception
    timeout: float | None = None
    severity: str = "error"
    alert: Alert = "after_final_failure"
    store_args: bool = False
    replay: bool = False
    key: Callable[..., str] | None = None

    def new_run(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], key: str | None = None) -> Run:
        """A new pending run of this task with these arguments."""
        if key is None and self.key is not None:
            key = self._key_of(args, kwargs)
        run = Run(self.name, self.retries + 1, key=key)
        if self.store_args:
            self._store_arguments(run, list(args), dict(kwargs))
        return run

    def _key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        assert self.key is not None
        try:
            return str(self.key(*args, **kwargs))[:NAME_CHARS]
        except Exception:  # noqa: BLE001 - the application's own function must not end its task
            log.exception("the key of %s could not be made, so that this run has none", self.name)
            return None

    def _store_arguments(self, run: Run, args: list[Any], kwargs: dict[str, Any]) -> None:
        call = {"args": args, "kwargs": kwargs}
        whole = json_safe.is_json(call, budget=ARGUMENTS_BYTES)
        run.arguments = call if whole else {"args": json_safe.plain(args), "kwargs": json_safe.plain(kwargs)}
        run.replayable = "no" if not self.replay else "yes" if whole else "touched"

    def next_wait(self, failures: int, error: Exception, *, jitter: float) -> float | None:
        """Seconds until the next attempt after this failure. None if it was the last. Pure."""
        if failures > self.retries or isinstance(error, Overrun) or not self._retries_on(error):
            return None
        return delay(self.backoff, failures, jitter=jitter)

    def _retries_on(self, error: Exception) -> bool:
        kinds = self.retry_on
        if not isinstance(kinds, type | tuple):
            return kinds(error)
        return exception_parts.all_match(lambda inner: issubclass(type(inner), kinds), error)


class Overrun(TimeoutError):
    """A function did not finish in time in its thread. It may still run, so it is not retried."""


def describe(function: Callable[..., Any], **options: Any) -> TaskDefinition:
    """Validates the options of a task. Raises `TypeError` or `ValueError` when it is declared."""
    if not callable(function):
        raise TypeError(_NOT_CALLABLE.get(type(function), "a task is a function, and this cannot be called"))
    inner = innermost(function)
    for called in (inner, getattr(inner, "__call__", None)):  # noqa: B004
        if inspect.isasyncgenfunction(called) or inspect.isgeneratorfunction(called):
            raise TypeError("a task is a function or a coroutine function; this one yields")
    if options.get("alert", ALERTS[0]) not in ALERTS:
        raise ValueError(f"alert is one of {', '.join(ALERTS)}")
    if options.get("severity", "error") not in SEVERITIES:
        raise ValueError(f"severity is one of {', '.join(SEVERITIES)}")
    retries = options.get("retries", 0)
    if not isinstance(retries, int) or retries < 0:
        raise ValueError("retries is how many attempts follow the first: a whole number, 0 or more")
    options["timeout"] = _seconds(options.get("timeout"))
    options["retry_on"] = _checked_retry_on(options.get("retry_on", Exception))
    options["backoff"] = _checked_backoff(options.get("backoff", BASE))
    if options.get("replay") and not options.get("store_args"):
        raise ValueError("replay=True needs store_args=True: what is not kept cannot be run again")
    name = options.pop("name", None) or name_of(function)
    return TaskDefinition(name=name[:NAME_CHARS], function=function, is_async=is_async(function), **options)


def _seconds(timeout: object) -> float | None:
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise ValueError("timeout is how many seconds each attempt has: a number above 0, or None for no end")
    return min(float(timeout), MAX_DELAY_S)


def _checked_retry_on(kinds: Any) -> RetryOn:
    """The exception classes to retry on, as a tuple if they come in another collection."""
    kinds = tuple(kinds) if isinstance(kinds, list | set | frozenset) else kinds
    classes = kinds if isinstance(kinds, tuple) else (kinds,) if isinstance(kinds, type) else ()
    if not (isinstance(kinds, tuple) or callable(kinds)) or not all(map(is_error_class, classes)):
        raise TypeError("retry_on is an exception class, several of them, or a function of the exception")
    return cast("RetryOn", kinds)


def _checked_backoff(backoff: Any) -> Backoff:
    if isinstance(backoff, timedelta):
        return backoff.total_seconds()
    listed = [*backoff] if isinstance(backoff, Sequence) and not isinstance(backoff, str) else [backoff]
    if callable(backoff) or all(isinstance(wait, int | float) and wait >= 0 for wait in listed):
        return cast("Backoff", backoff)
    raise ValueError("backoff is seconds, a list of them, or a function that answers them: none below 0")


def is_async(function: Callable[..., Any]) -> bool:
    inner = innermost(function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def has_key(function: Callable[..., Any]) -> bool:
    """Whether the function has a parameter `key` of its own."""
    try:
        parameter = inspect.signature(function).parameters.get("key")
    except (TypeError, ValueError):  # builtins may have no signature
        return False
    return parameter is not None and parameter.kind in {
        parameter.POSITIONAL_OR_KEYWORD,
        parameter.KEYWORD_ONLY,
    }


def of(function: object) -> TaskDefinition | None:
    """The task of a decorated function, also if it is wrapped by another decorator. None if there is none."""
    task = task_of(function)
    return task if isinstance(task, TaskDefinition) else None


def is_task_call(function: object, task: TaskDefinition) -> bool:
    """Whether calling the function is the task's run, and not a wrapper that may or may not call it."""
    return getattr(function, "__wrapped__", None) is task.function


def unwrapped_call(
    function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The function inside partials and bound methods, with the arguments that those add."""
    named = dict(kwargs)
    while True:
        if isinstance(function, functools.partial):
            args, named = (*function.args, *args), {**function.keywords, **named}
            function = function.func
        elif isinstance(function, MethodType):
            args, function = (function.__self__, *args), function.__func__
        else:
            return function, args, named


def attach(wrapper: Callable[..., Any], task: TaskDefinition) -> None:
    wrapper.__dict__[TASK] = task


def placeholder() -> None:
    """The function of a task that is executed elsewhere."""
