"""The errors of notifier.

NotifierError
├── ConfigError          the configuration has problems; lists all of them with file:line:column
├── SendError            a channel could not deliver; its `outcome` says what follows
├── StoreError           the database failed
│   ├── StoreFull        the disk or `max_size` is full; ingest answers 503 until there is space
│   ├── StoreUnavailable busy, unreachable, or a commit with unknown result; a retry is safe
│   └── StoreBroken      an fsync or read failed; the process must stop acknowledging and restart
└── Overloaded           too many events wait for a commit; retry after `retry_after`
"""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import Outcome
from notifier.domain.time import SECOND, Duration


class NotifierError(Exception):
    """Base class of all errors that notifier raises."""


@dataclass(frozen=True, order=True, slots=True, kw_only=True)
class Problem:
    """One problem in a configuration: its place, and what to do about it. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(NotifierError):
    """The configuration cannot be used. Correct the listed problems; `notifier check` lists them as well."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SendError(NotifierError):
    """An attempt to deliver failed.

    `detail` is a sentence for people: what the receiver said, shortened and without secrets. `retry_after` is the
    delay in milliseconds that the receiver asked for. `whole_channel` means that every target of the channel would
    fail alike (a refused password, an invalid token).
    """

    def __init__(
        self,
        outcome: Outcome,
        detail: str,
        *,
        retry_after: Duration | None = None,
        whole_channel: bool = False,
    ) -> None:
        super().__init__(f"{outcome.value}: {detail}")
        self.outcome = outcome
        self.detail = detail
        self.retry_after = retry_after
        self.whole_channel = whole_channel


class StoreError(NotifierError):
    """The database failed to read or write."""


class StoreFull(StoreError):
    """The disk or `max_size` is full. Free space or raise the limit; no acknowledged event is lost."""


class StoreUnavailable(StoreError):
    """The database is busy or unreachable, or the result of a commit is unknown. Retry: ids make that safe."""


class StoreBroken(StoreError):
    """A write reached the disk in an unknown state. Stop acknowledging, exit, and recover from the disk."""


class Overloaded(NotifierError):
    """Too many events wait for a commit. Retry after `retry_after` milliseconds."""

    def __init__(self, retry_after: Duration = SECOND) -> None:
        super().__init__("too many events wait for a commit")
        self.retry_after = retry_after
