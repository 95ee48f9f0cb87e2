"""The definition of a task: its function, and how its runs are tried, reported and kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from notifier.client.capture import json_safe
from notifier.client.capture.function_names import TASK, innermost, name_of, task_of
from notifier.client.options import NAME_CHARS, SEVERITIES, log
from notifier.client.tasks.backoff import BASE, Backoff, delay
from notifier.client.tasks.runs import Run

Alert = Literal["after_final_failure", "every_failure", "never"]
RetryOn = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
ALERTS: Final = ("after_final_failure", "every_failure", "never")
ARGUMENTS_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """One function as a task. `retries` come after the first attempt; `timeout` is seconds for each attempt."""

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
        """A run of this task with these arguments, pending."""
        if key is None and self.key is not None:
            key = self._key_of(args, kwargs)
        run = Run(self.name, self.retries + 1, key=key)
        if self.store_args:
            self._keep(run, list(args), dict(kwargs))
        return run

    def _key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        assert self.key is not None
        try:
            return str(self.key(*args, **kwargs))[:NAME_CHARS]
        except Exception:  # noqa: BLE001 - the application's own function must not end its task
            log.exception("the key of %s could not be made, so that this run has none", self.name)
            return None

    def _keep(self, run: Run, args: list[Any], kwargs: dict[str, Any]) -> None:
        call = {"args": args, "kwargs": kwargs}
        whole = json_safe.is_json(call, budget=ARGUMENTS_BYTES)
        run.arguments = call if whole else {"args": json_safe.plain(args), "kwargs": json_safe.plain(kwargs)}
        run.replayable = "no" if not self.replay else "yes" if whole else "touched"

    def next_wait(self, failures: int, error: Exception, *, jitter: float) -> float | None:
        """Seconds until the attempt after this failure; None: it was the last. Pure."""
        if failures > self.retries or isinstance(error, Overrun) or not self._retries_on(error):
            return None
        return delay(self.backoff, failures, jitter=jitter)

    def _retries_on(self, error: Exception) -> bool:
        if isinstance(self.retry_on, type | tuple):
            return isinstance(error, self.retry_on)
        return self.retry_on(error)


class Overrun(TimeoutError):
    """A function of a thread did not end in time. It may still run, so that it is not started a second time."""


def describe(function: Callable[..., Any], **options: Any) -> TaskDefinition:
    """A task of this function. `TypeError` or `ValueError` for what cannot be one, when it is declared."""
    inner = innermost(function)
    if inspect.isasyncgenfunction(inner) or inspect.isgeneratorfunction(inner):
        raise TypeError("a task is a function or a coroutine function; this one yields")
    if options.get("alert", ALERTS[0]) not in ALERTS:
        raise ValueError(f"alert is one of {', '.join(ALERTS)}")
    if options.get("severity", "error") not in SEVERITIES:
        raise ValueError(f"severity is one of {', '.join(SEVERITIES)}")
    if options.get("retries", 0) < 0:
        raise ValueError("retries is how many attempts follow the first: 0 or more")
    if options.get("replay") and not options.get("store_args"):
        raise ValueError("replay=True needs store_args=True: what is not kept cannot be run again")
    name = options.pop("name", None) or name_of(function)
    return TaskDefinition(name=name[:NAME_CHARS], function=function, is_async=is_async(function), **options)


def is_async(function: Callable[..., Any]) -> bool:
    inner = innermost(function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def has_key(function: Callable[..., Any]) -> bool:
    """Whether `key=` is an argument of this function's own."""
    try:
        parameter = inspect.signature(function).parameters.get("key")
    except (TypeError, ValueError):  # what is not written in Python need not say
        return False
    return parameter is not None and parameter.kind in {
        parameter.POSITIONAL_OR_KEYWORD,
        parameter.KEYWORD_ONLY,
    }


def of(function: object) -> TaskDefinition | None:
    """The task that a decorated function is."""
    task = task_of(function)
    return task if isinstance(task, TaskDefinition) else None


def attach(wrapper: Callable[..., Any], task: TaskDefinition) -> None:
    wrapper.__dict__[TASK] = task


def nothing() -> None:
    """The function of a task that somebody else calls."""
