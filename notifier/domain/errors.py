"""The errors of notifier, as one small tree.

NotifierError
├── ConfigError          the configuration has problems; shows them all, with file:line:column
├── SendError            a channel could not deliver; its `outcome` says what follows
├── StoreError           the database did not do as asked
│   ├── StoreFull        no room is left: ingest answers 503 until there is
│   ├── StoreUnavailable busy, gone or an unknown commit: try again, ids make it safe
│   └── StoreBroken      an fsync or read failed: the process must stop acknowledging and restart
└── Overloaded           too much waits for a commit; try again after `retry_after`
"""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import Outcome
from notifier.domain.time import SECOND, Duration


class NotifierError(Exception):
    """Anything that notifier itself raises."""


@dataclass(frozen=True, order=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a configuration: where, what, and what to do about it. Lines and columns from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(NotifierError):
    """The configuration cannot be used. Correct every problem it lists; `notifier check` shows them again."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SendError(NotifierError):
    """One attempt failed.

    `detail` is a sentence for people: what the receiver said, capped, without secrets. `retry_after` is what the
    receiver asked for, in milliseconds. `whole_channel` says that every target of the channel would fail alike (a
    refused password, an invalid token).
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
    """The database did not do as asked."""


class StoreFull(StoreError):
    """The disk or `max_size` is full. Free space or raise the limit; nothing that was acknowledged is lost."""


class StoreUnavailable(StoreError):
    """The database is busy or gone, or a commit's outcome is unknown. Try again: ids make a repeat safe."""


class StoreBroken(StoreError):
    """A write reached the disk in an unknown state. Stop acknowledging, exit, and recover from the disk."""


class Overloaded(NotifierError):
    """More waits for a commit than memory should hold. Try again after `retry_after` milliseconds."""

    def __init__(self, retry_after: Duration = SECOND) -> None:
        super().__init__("too many events wait for a commit")
        self.retry_after = retry_after
