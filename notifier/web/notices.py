"""Notices shown after an act.

Addresses contain the name of a notice and numbers, so nobody else can choose the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from notifier.wording.text import counted, number

_GIVEN = re.compile(r"([a-z_]{1,40})((?:\.[0-9]{1,7}){0,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence about what was done, and the act that undoes it, if there is one."""

    text: str
    undo: str | None = None


_NOTICES: Mapping[str, Notice] = {
    "acknowledge": Notice(text="You have it: repeats and escalation stop.", undo="unacknowledge"),
    "take_over": Notice(text="You have taken it over.", undo="unacknowledge"),
    "unacknowledge": Notice(text="It counts as open again.", undo="acknowledge"),
    "snooze": Notice(text="Snoozed: nothing is told of it until then but its end.", undo="unsnooze"),
    "unsnooze": Notice(text="The snooze is over."),
    "resolve": Notice(text="Resolved: whoever was told of it hears so.", undo="reopen"),
    "reopen": Notice(text="It is open again."),
    "note": Notice(text="The note is in the timeline."),
    "silence": Notice(text="Silenced. What it holds is told once it is over, if it is open then."),
    "test_sent": Notice(text="The test event was taken, and is committed."),
    "session_ended": Notice(text="The session has ended."),
    "redeliver": Notice(text="It is sent again."),
    "change_silence": Notice(text="The silence is changed: what it no longer holds is looked at again."),
    "end_silence": Notice(text="Ended: what it held and is still open is told."),
    "reload": Notice(text="The configuration is reloaded and in use."),
    "reload_unchanged": Notice(text="The file is as it was: nothing changes."),
    "reload_refused": Notice(text="The file has problems, and the configuration before goes on."),
    "forget_monitor": Notice(text="Nothing is expected of it any more."),
    "replay": Notice(text="The run was asked for again: a process that has its task takes it."),
}


_COUNTED: Mapping[str, Callable[[int], str]] = {
    "redelivered": lambda count: f"{counted(count, 'dead letter')} sent again.",
    "discarded": lambda count: f"{counted(count, 'dead letter')} discarded.",
    "release": lambda count: f"Released: what waited goes out now ({number(count)}).",
}


_MANY: Mapping[str, tuple[str, str]] = {
    "bulk_acknowledge": ("You have", "repeats and escalation of what you have stop"),
    "bulk_snooze": ("Snoozed", "nothing is told of them until then but their end"),
    "bulk_resolve": ("Resolved", "whoever was told of them hears so"),
}
"""The notices of bulk acts: what was done, and its consequence."""


def encode(name: str, counts: tuple[int, ...]) -> str:
    """A notice as it is written in an address."""
    return ".".join([name, *map(str, counts)])


def notice_of(text: str) -> Notice | None:
    """The notice in an address, or None if it is invalid."""
    found = _GIVEN.fullmatch(text)
    if found is None:
        return None
    counts = [int(count) for count in found[2].split(".") if count]
    if found[1] in _MANY and len(counts) == 2:
        done, skipped = counts
        what, then = _MANY[found[1]]
        verb = "was left as it was" if skipped == 1 else "were left as they were"
        left = f" {number(skipped)} {verb}: over, taken by somebody else, or done already." if skipped else ""
        follows = f": {then}" if done else ""
        return Notice(text=f"{what} {counted(done, 'incident')}{follows}.{left}")
    if found[1] in _COUNTED and len(counts) == 1:
        return Notice(text=_COUNTED[found[1]](counts[0]))
    return _NOTICES.get(found[1])
